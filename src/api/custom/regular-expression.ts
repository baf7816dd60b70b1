// Go's regular expressions (RE2): no look-around, no back-references, and a time that grows with the text alone, whatever
// the pattern. A kept one is found by its text; when too many are kept, the oldest goes.
import { RE2JS } from 're2js';

const kept = new Map<string, RE2JS>();
const keptAtMost = 1000;

/** Throws for a pattern that cannot be read. */
export function compilePattern(pattern: string): RE2JS {
  let compiled = kept.get(pattern);
  if (!compiled) {
    compiled = RE2JS.compile(pattern);
    if (kept.size >= keptAtMost) kept.delete(kept.keys().next().value!);
    kept.set(pattern, compiled);
  }
  return compiled;
}

/** Whether the pattern is found anywhere in the text. */
export function isFound(pattern: string, text: string): boolean {
  return compilePattern(pattern).matcher(text).find();
}

/** What is wrong with a pattern, in Go's words; undefined when nothing is. */
export function patternProblem(pattern: string): string | undefined {
  try {
    compilePattern(pattern);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
