/** The script's own text: it is only ever imported as text, for the recovery kit. */
declare const text: string;
export default text;
