import { describe, expect, test } from "bun:test";
import type { ChannelSpec } from "../project/project.ts";
import { noticeEvents } from "./notice.ts";
import { allRoutes, hears, routesOf } from "./route.ts";
import { sizeText } from "./words.ts";

const channel = (name: string, more: Partial<ChannelSpec> = {}): ChannelSpec => ({
  name,
  type: "webhook",
  settings: {},
  on: ["all"],
  projects: [],
  ...more,
});
const heard = (...on: ChannelSpec["on"]): readonly string[] => noticeEvents.filter((event) => hears({ on }, event));

describe("a channel hears", () => {
  test("what its `on` says, and every test message", () => {
    expect(heard("success")).toEqual(["backup_success", "restore_success", "trouble_over", "alert_resolved", "test"]);
    expect(heard("failure")).toEqual([
      "backup_failed",
      "backup_warning",
      "restore_failed",
      "verify_failed",
      "alert",
      "test",
    ]);
    expect(heard("both")).toEqual(noticeEvents.filter((event) => !/started|summary/.test(event)));
    expect(heard("success", "failure")).toEqual(heard("both"));
    expect(heard("all")).toEqual([...noticeEvents]);
  });
});

describe("the channels of a project", () => {
  const shared = [channel("ops"), channel("duty", { projects: ["shop"] }), channel("other", { projects: ["blog"] })];
  const keys = (name: string, channels: readonly ChannelSpec[]): readonly string[] =>
    routesOf({ name, channels } as never, shared).map(({ key }) => key);

  test("are its own, else those of the file that speak of it", () => {
    expect(keys("shop", [])).toEqual(["*/ops", "*/duty"]);
    expect(keys("shop", [channel("mine")])).toEqual(["shop/mine"]);
    expect(routesOf("gone", shared).map(({ key }) => key)).toEqual(["*/ops"]);
  });

  test("all together hold each channel once", () => {
    const projects = [
      { name: "shop", channels: [] },
      { name: "blog", channels: [channel("mine")] },
    ];
    expect(allRoutes(projects as never, shared).map(({ key }) => key)).toEqual([
      "*/ops",
      "*/duty",
      "*/other",
      "blog/mine",
    ]);
  });
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_000, "1 KB"],
  [1_260, "1.3 KB"],
  [9_960, "10 KB"],
  [999_600, "1 MB"],
  [245e6, "245 MB"],
  [1.5e9, "1.5 GB"],
])("%d bytes are %s", (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});
