// CEL's functions, by name, each with the overloads that it has: the standard ones and those that Kubernetes adds.
import { readType, type Type } from './types.ts';
import { addressFunctions } from './functions/addresses.ts';
import { formatFunctions, formatNames } from './functions/formats.ts';
import { listFunctions } from './functions/lists.ts';
import { quantityFunctions } from './functions/quantities.ts';
import { standardFunctions } from './functions/standard.ts';
import { textFunctions } from './functions/texts.ts';
import { kindOf } from './values.ts';

/** What an evaluation may still cost. */
export interface Budget {
  /** Throws when it is used up. */
  spend(units: number): void;
}

export type Implementation = (args: readonly any[], budget: Budget) => unknown;

/** By signatures as `string.contains(string): bool`; what stands before the dot is the receiver. */
export type FunctionTable = Readonly<Record<string, Implementation>>;

export interface Overload {
  readonly hasReceiver: boolean;
  /** The receiver first. */
  readonly parameters: readonly Type[];
  readonly result: Type;
  readonly call: Implementation;
}

export function functionNamed(name: string): readonly Overload[] | undefined {
  return byName.get(name);
}

/** The overload for these values, found by their kinds. */
export function overloadFor(overloads: readonly Overload[], hasReceiver: boolean, args: readonly unknown[]): Overload | undefined {
  return overloads.find((one) => one.hasReceiver === hasReceiver && one.parameters.length === args.length && one.parameters.every((parameter, i) => takes(parameter, args[i])));
}

function takes({ kind }: Type, value: unknown): boolean {
  return kind === 'dyn' || kind === 'letter' || kind === kindOf(value);
}

/** Functions in a namespace. */
const oneNames: ReadonlySet<string> = new Set(['ip.isCanonical', 'optional.of', 'optional.none', 'optional.unwrap', 'optional.ofNonZeroValue', 'strings.quote', 'sets.contains', 'sets.equivalent', 'sets.intersects', 'lists.range', 'jsonpatch.escapeKey', ...formatNames]);

const byName = new Map<string, Overload[]>();

for (const table of [standardFunctions, textFunctions, listFunctions, quantityFunctions, addressFunctions, formatFunctions]) {
  for (const [signature, call] of Object.entries(table)) {
    const [, receiver, name, parameters, result] = /^(?:((?:[\w]+)(?:<.*?>)?)\.)?(\w+(?:\.\w+)?)\((.*)\): (.*)$/s.exec(signature)!;
    // `ip.isCanonical` is one name, `string.size` a name and its receiver.
    const isOneName = receiver !== undefined && oneNames.has(`${receiver}.${name}`);
    const full = isOneName ? `${receiver}.${name}` : name!;
    const types = parameters === '' ? [] : splitTypes(parameters!).map(readType);
    const overload: Overload = { hasReceiver: receiver !== undefined && !isOneName, parameters: receiver !== undefined && !isOneName ? [readType(receiver), ...types] : types, result: readType(result!), call };
    const known = byName.get(full);
    if (known) known.push(overload);
    else byName.set(full, [overload]);
  }
}

function splitTypes(text: string): string[] {
  return text.split(/,(?![^<]*>)/);
}
