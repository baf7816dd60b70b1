// Finds keys that stand twice in one object of a JSON text, which JSON.parse passes over in silence.
//
// Cheap when there are none: every member of an object has one colon outside of strings, so as many colons as keys in
// the parsed value means that no key was lost. Only otherwise is the text read again, with paths.

/** Paths as `spec.replicas` or `spec.containers[0].name`, in the order of the text. `text` must be valid JSON. */
export function duplicateFields(text: string, parsed: unknown): string[] {
  return countColons(text) === countKeys(parsed) ? [] : findDuplicates(text);
}

const quote = 0x22, backslash = 0x5c, colon = 0x3a;

function countColons(text: string): number {
  let colons = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === colon) colons++;
    else if (code === quote) at = endOfString(text, at);
  }
  return colons;
}

/** The index of the quote that closes the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === backslash) backslashes++;
  return backslashes % 2 === 1;
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let keys = 0;
  if (Array.isArray(value)) {
    for (const item of value) keys += countKeys(item);
    return keys;
  }
  for (const key in value) keys += 1 + countKeys((value as Record<string, unknown>)[key]);
  return keys;
}

/** An object or a list whose end has not been read yet. */
interface Open {
  readonly path: string;
  /** For objects: the keys so far. */
  readonly keys?: Set<string>;
  /** The key whose value is being read; undefined where a key is next. */
  key?: string;
  index: number;
}

function findDuplicates(text: string): string[] {
  const duplicates = new Set<string>();
  const open: Open[] = [];
  for (let at = 0; at < text.length; at++) {
    const top = open.at(-1);
    switch (text[at]) {
      case '{':
        open.push({ path: pathOf(top), keys: new Set(), index: 0 });
        break;
      case '[':
        open.push({ path: pathOf(top), index: 0 });
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case ',':
        top!.index++;
        delete top!.key;
        break;
      case '"': {
        const end = endOfString(text, at);
        if (top?.keys && top.key === undefined) {
          top.key = JSON.parse(text.slice(at, end + 1)) as string;
          if (top.keys.has(top.key)) duplicates.add(pathOf(top));
          top.keys.add(top.key);
        }
        at = end;
      }
    }
  }
  return [...duplicates];
}

function pathOf(open: Open | undefined): string {
  if (!open) return '';
  if (!open.keys) return `${open.path}[${open.index}]`;
  return open.path === '' ? open.key! : `${open.path}.${open.key!}`;
}
