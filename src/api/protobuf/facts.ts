// What Go's types say of each message of Kubernetes' protobuf: numbers, types, and which fields are pointers. Read with the
// first body that is in protobuf. scripts/go/protobuf-facts.go has found it out.
import { existsSync, readFileSync } from 'node:fs';

/** Number, type and flags of a field. The type: a scalar's name, or a message's, with a dot before it where it is of the same package. */
export type FieldFact = readonly [number: number, type: string, flags?: string];

interface Facts {
  /** By `apps/v1`. */
  readonly packages: Readonly<Record<string, string>>;
  /** By full name, then by the field's name in JSON. */
  readonly messages: Readonly<Record<string, Readonly<Record<string, FieldFact>>>>;
}

export const metaPackage = 'k8s.io.apimachinery.pkg.apis.meta.v1';

/** Versions that the facts do not have: their messages are those of another one. */
const laterVersions: Readonly<Record<string, string>> = { 'autoscaling/v2beta2': 'autoscaling/v2', 'apiregistration.k8s.io/v1beta1': 'apiregistration.k8s.io/v1' };

/** Of these no numbers of fields are known: they are spoken of in text only. */
const textOnly: ReadonlySet<string> = new Set(['autoscaling/v2beta1']);

/** Whether a built-in kind's objects can be told in protobuf. */
export function hasMessages({ group, version }: { readonly group: string; readonly version: string }): boolean {
  return !textOnly.has(`${group}/${version}`);
}

let facts: Facts | undefined;

/** The full name of a kind's message; undefined: it has none. What all groups share (DeleteOptions, Status) is meta's. */
export function messageName(apiVersion: string, kind: string): string | undefined {
  const { packages, messages } = (facts ??= read());
  const known = laterVersions[apiVersion] ?? apiVersion;
  const own = Object.hasOwn(packages, known) ? `${packages[known]}.${kind}` : undefined;
  if (own && Object.hasOwn(messages, own)) return own;
  const shared = `${metaPackage}.${kind}`;
  return Object.hasOwn(messages, shared) ? shared : undefined;
}

/** Undefined: there is no such message. */
export function fieldFacts(message: string): Readonly<Record<string, FieldFact>> | undefined {
  const { messages } = (facts ??= read());
  return Object.hasOwn(messages, message) ? messages[message] : undefined;
}

/** data/ lies at the package's root, which is further up from the sources than from the bundle. */
function read(): Facts {
  const found = ['../../../data/', '../data/'].map((folder) => new URL(`${folder}kubernetes-protobuf-1.36.json`, import.meta.url)).find((url) => existsSync(url));
  if (!found) throw new Error('data/kubernetes-protobuf-1.36.json is missing from the installation');
  return JSON.parse(readFileSync(found, 'utf8')) as Facts;
}
