// FieldsV1 as it is written in managedFields, taken from and added to as it is: an update touches few of an object's
// fields, so most of what its owners have is neither read nor copied. What a step and `.` mean: see field-set.ts.
export interface FieldsV1 {
  readonly [step: string]: FieldsV1;
}

export type FieldsV1Draft = Record<string, FieldsV1>;

/** A place with nothing below it: it belongs to the set itself. */
export const leafV1: FieldsV1 = Object.freeze({});

/** Without what is in `taken`; the very same when that is nothing of it, undefined when nothing is left. */
export function minus(fields: FieldsV1, taken: FieldsV1 | undefined): FieldsV1 | undefined {
  return taken ? minusBelow(fields, taken, true) : fields;
}

function minusBelow(fields: FieldsV1, taken: FieldsV1, isRoot: boolean): FieldsV1 | undefined {
  const isMember = !isRoot && isMemberHere(fields);
  const staysMember = isMember && !isMemberHere(taken);
  let left: FieldsV1Draft | undefined;
  for (const step in taken) {
    const inner = step === '.' ? undefined : fields[step];
    if (!inner) continue;
    const rest = minusBelow(inner, taken[step]!, false);
    if (rest === inner) continue;
    left ??= { ...fields };
    if (rest) left[step] = rest;
    else delete left[step];
  }
  if (!left && staysMember === isMember) return fields;
  left ??= { ...fields };
  if (!staysMember) delete left['.'];
  const isBare = hasNothingBelow(left);
  if (isBare) return staysMember ? leafV1 : undefined;
  return left;
}

/** What is in either; shares with both. */
export function plus(fields: FieldsV1 | undefined, added: FieldsV1): FieldsV1 {
  return fields ? plusBelow(fields, added, true) : added;
}

function plusBelow(fields: FieldsV1, added: FieldsV1, isRoot: boolean): FieldsV1 {
  if (fields === added) return fields;
  const isMember = !isRoot && (isMemberHere(fields) || isMemberHere(added));
  const both: FieldsV1Draft = {};
  for (const step in fields) if (step !== '.') both[step] = Object.hasOwn(added, step) ? plusBelow(fields[step]!, added[step]!, false) : fields[step]!;
  for (const step in added) if (step !== '.' && !Object.hasOwn(fields, step)) both[step] = added[step]!;
  return written(both, isMember);
}

/** In the order in which FieldsV1 writes it. */
function written(below: FieldsV1Draft, isMember: boolean): FieldsV1 {
  const steps = Object.keys(below).sort();
  if (steps.length === 0) return leafV1;
  const sorted: FieldsV1Draft = isMember ? { '.': leafV1 } : {};
  for (const step of steps) sorted[step] = below[step]!;
  return sorted;
}

function isMemberHere(fields: FieldsV1): boolean {
  if (fields['.']) return true;
  for (const _ in fields) return false;
  return true;
}

function hasNothingBelow(fields: FieldsV1): boolean {
  for (const step in fields) if (step !== '.') return false;
  return true;
}
