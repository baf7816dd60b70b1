// What another server answers, whole; from one whose answer is longer than it may be nothing is taken.
import type { IncomingMessage } from 'node:http';

/** Throws Error when the answer breaks off, or has more bytes than `most`. */
export async function wholeAnswer(answer: IncomingMessage, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    if ((size += chunk.length) > most) throw new Error(`the answer is longer than ${most} bytes`);
  }
  return Buffer.concat(chunks, size);
}
