// The last lines of a log file, as text. Pure.
import { LineCutter, parseEntry } from './cri-log.ts';

export function tailLog(file: Buffer, lines: number): Buffer {
  const texts: Buffer[] = [];
  for (const line of new LineCutter().cut(file)) {
    const entry = parseEntry(line);
    if (entry) texts.push(Buffer.concat([entry.text, Buffer.from(entry.partial ? '' : '\n')]));
  }
  let start = texts.length;
  for (let seen = 0; start > 0; start--) {
    if (texts[start - 1]!.at(-1) === 0x0a && ++seen > lines) break;
  }
  return Buffer.concat(texts.slice(start));
}
