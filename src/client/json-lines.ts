// JSON values, one a line, out of chunks of bytes that may be cut anywhere.

/** Throws once a line grows beyond `mostBytes`. */
export async function* jsonLines(chunks: AsyncIterable<Uint8Array>, mostBytes: number): AsyncGenerator<unknown> {
  let rest: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      rest.push(chunk.subarray(from, end));
      const text = Buffer.concat(rest).toString();
      rest = [];
      size = 0;
      from = end + 1;
      if (text.length > 0) yield JSON.parse(text);
    }
    if (from === chunk.length) continue;
    rest.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > mostBytes) throw new RangeError(`a line is longer than ${mostBytes} bytes`);
  }
}

const newline = 0x0a;
