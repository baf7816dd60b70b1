// EncryptionConfiguration, as kube-apiserver's --encryption-provider-config has it: which resources are encrypted in the store, and how.
import type { FieldCause } from '../api/error.ts';
import { Report } from '../api/kinds/validation/report.ts';
import { storePrefix } from '../server/watch/cache.ts';
import { aesCbc, aesGcm, secretBox } from '../store/encryption/ciphers.ts';
import type { ChooseTransformer } from '../store/encryption/encrypted-store.ts';
import { firstOf, identity, type Transformer } from '../store/encryption/transformer.ts';
import { readConfigFile, type ConfigKind, type Shape } from './config-file.ts';

interface Key {
  readonly name?: string;
  /** Base64. */
  readonly secret?: string;
}
type Cipher = 'aesgcm' | 'aescbc' | 'secretbox';
type Provider = Readonly<Partial<Record<Cipher, { readonly keys?: readonly Key[] } | null>> & { identity?: object | null; kms?: object | null }>;

interface EncryptionConfiguration {
  readonly resources?: readonly { readonly resources?: readonly string[]; readonly providers?: readonly Provider[] }[];
}

const keys: Shape = { keys: [{ name: 'text', secret: 'text' }] };
const configKind: ConfigKind = {
  flag: '--encryption-provider-config',
  kind: 'EncryptionConfiguration',
  apiVersions: ['apiserver.config.k8s.io/v1'],
  shape: { resources: [{ resources: ['text'], providers: [{ aesgcm: keys, aescbc: keys, secretbox: keys, identity: 'anything', kms: 'anything' }] }] },
};

const keyBytes: Readonly<Record<Cipher, readonly number[]>> = { aesgcm: [16, 24, 32], aescbc: [16, 24, 32], secretbox: [32] };
const ciphers = Object.keys(keyBytes) as Cipher[];

/** Throws UserError for a file that cannot be. */
export async function readEncryption(file: string): Promise<ChooseTransformer> {
  return readConfigFile(file, configKind, validate, chooserOf);
}

async function chooserOf({ resources = [] }: EncryptionConfiguration): Promise<ChooseTransformer> {
  // As a resource is first named: by itself, by its group (`*.apps`, `*.` for the first one), or by `*.*`.
  const byPattern = new Map<string, Transformer>();
  for (const { resources: patterns = [], providers = [] } of resources) {
    const transformer = firstOf(await Promise.all(providers.flatMap(transformersOf)));
    for (const pattern of patterns) {
      const { group, plural } = groupAndPlural(pattern);
      const name = `${group}/${plural}`;
      if (!byPattern.has(name)) byPattern.set(name, transformer);
    }
  }
  const byPrefix = new Map<string, Transformer | undefined>();
  return (key) => {
    const prefix = storePrefix(key);
    if (byPrefix.has(prefix)) return byPrefix.get(prefix);
    // `/registry/GROUP/PLURAL/`
    const [, , group = '', plural = ''] = prefix.split('/');
    const named = group === 'core' ? '' : group;
    const chosen = byPattern.get(`${named}/${plural}`) ?? byPattern.get(`${named}/*`) ?? byPattern.get('*/*');
    byPrefix.set(prefix, chosen);
    return chosen;
  };
}

function transformersOf(provider: Provider): (Transformer | Promise<Transformer>)[] {
  if (provider.identity) return [identity];
  return ciphers.flatMap((cipher) => (provider[cipher]?.keys ?? []).map(({ name = '', secret = '' }) => {
    const key = { name, secret: Buffer.from(secret, 'base64') };
    return cipher === 'aesgcm' ? aesGcm(key) : cipher === 'aescbc' ? aesCbc(key) : secretBox(key);
  }));
}

/** `deployments.apps`: what follows the first dot is the group. */
function groupAndPlural(pattern: string): { group: string; plural: string } {
  const dot = pattern.indexOf('.');
  return dot < 0 ? { group: '', plural: pattern } : { group: pattern.slice(dot + 1), plural: pattern.slice(0, dot) };
}

export function validate({ resources = [] }: EncryptionConfiguration): readonly FieldCause[] {
  const report = new Report();
  if (resources.length === 0) report.required('resources', 'at least one resources is required');
  resources.forEach(({ resources: patterns = [], providers = [] }, index) => {
    const [ofPatterns, ofProviders] = [`resources[${index}].resources`, `resources[${index}].providers`];
    if (patterns.length === 0) report.required(ofPatterns, `at least one ${ofPatterns} is required`);
    checkOverlap(report, ofPatterns, patterns);
    patterns.forEach((pattern, at) => checkPattern(report, `${ofPatterns}[${at}]`, pattern));
    if (providers.length === 0) report.required(ofProviders, `at least one ${ofProviders} is required`);
    providers.forEach((provider, at) => checkProvider(report, `${ofProviders}[${at}]`, provider));
  });
  return report.causes;
}

function checkOverlap(report: Report, field: string, patterns: readonly string[]): void {
  const all = patterns.map(groupAndPlural);
  const pairs = all.flatMap((one, index) => all.slice(index + 1).map((other) => [one, other] as const));
  const isWhole = ({ group, plural }: { group: string; plural: string }) => group === '*' && plural === '*';
  const isSame = (one: { group: string; plural: string }, other: { group: string; plural: string }) => one.group === other.group && one.plural === other.plural;
  if (pairs.some(([one, other]) => isSame(one, other))) report.invalid(field, patterns, 'the same resource cannot be specified multiple times');
  const overlap = pairs.some(([one, other]) => !isSame(one, other) && (isWhole(one) || isWhole(other) || (one.group === other.group && (one.plural === '*' || other.plural === '*'))));
  if (overlap) report.invalid(field, patterns, "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked");
}

function checkPattern(report: Report, field: string, pattern: string): void {
  const { group, plural } = groupAndPlural(pattern);
  const why =
    pattern.toLowerCase() !== pattern ? 'resource name should not contain capital letters'
    : pattern === '*' ? "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
    : ['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations'].includes(pattern) ? 'resources which do not have REST API/s cannot be encrypted'
    : group === 'events.k8s.io' ? "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file"
    : group === 'extensions' ? "'extensions' group has been removed and cannot be used for encryption"
    : group === '*' && plural !== '*' ? 'encrypting the same resource across groups is not supported'
    : undefined;
  if (why) report.invalid(field, pattern, why);
}

function checkProvider(report: Report, field: string, provider: Provider): void {
  const given = [...ciphers, 'identity' as const, 'kms' as const].filter((name) => provider[name] !== undefined && provider[name] !== null);
  if (given.length === 0) return report.problem(field, 'provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity');
  if (given.length > 1) return report.problem(field, 'more than one provider specified in a single element, should split into different list elements');
  const [name] = given;
  if (name === 'kms') return report.forbidden(`${field}.kms`, 'there is no KMS provider here: use aesgcm, aescbc or secretbox');
  if (name !== 'identity') checkKeys(report, `${field}.${name}.keys`, provider[name!]!.keys ?? [], keyBytes[name!]);
}

function checkKeys(report: Report, field: string, given: readonly Key[], lengths: readonly number[]): void {
  if (given.length === 0) report.required(field, 'at least one keys is required');
  given.forEach(({ name, secret }, index) => {
    const at = `${field}[${index}]`;
    if (!name) report.required(`${at}.name`, 'name is a mandatory field for a key');
    else if (name.includes(':')) report.invalid(`${at}.name`, name, "must not contain ':'");
    if (!secret) return report.required(`${at}.secret`, 'secret is a mandatory field for a key');
    const bytes = Buffer.from(secret, 'base64');
    if (bytes.toString('base64') !== secret.replaceAll('\n', '')) return report.invalid(`${at}.secret`, 'REDACTED', 'secrets must be base64 encoded');
    if (!lengths.includes(bytes.length)) report.invalid(`${at}.secret`, 'REDACTED', `secret is not of the expected length, got ${bytes.length}, expected one of [${lengths.join(' ')}]`);
  });
}
