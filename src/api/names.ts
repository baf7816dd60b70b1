// The rules for names, labels and the like, each answering in Kubernetes' words with what is wrong.

/** What is wrong with a text; [] when it follows the rule. */
export type NameRule = (text: string) => string[];

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const underscored = `_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*`;
const qualified = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

/** The rules that are one pattern. Upstream counts bytes in newer rules and characters in older ones; all are ASCII. */
const formats = {
  label: {
    pattern: label,
    message: "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
    examples: ['my-name', '123-abc'],
  },
  subdomain: {
    pattern: subdomain,
    message: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    examples: ['example.com'],
  },
  underscored: {
    pattern: underscored,
    message: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
    examples: ['example.com'],
  },
  dns1035: {
    pattern: '[a-z]([-a-z0-9]*[a-z0-9])?',
    message: "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
    examples: ['my-name', 'abc-123'],
  },
  qualified: {
    pattern: qualified,
    message: "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    examples: ['MyName', 'my.name', '123-abc'],
  },
  labelValue: {
    pattern: `(${qualified})?`,
    message: "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    examples: ['MyValue', 'my_value', '12345'],
  },
  configKey: {
    pattern: '[-._a-zA-Z0-9]+',
    message: "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    examples: ['key.name', 'KEY_NAME', 'key-name'],
  },
  headerName: { pattern: '[-A-Za-z0-9]+', message: "a valid HTTP header must consist of alphanumeric characters or '-'", examples: ['X-Header-Name'] },
  percent: { pattern: '[0-9]+%', message: "a valid percent string must be a numeric string followed by an ending '%'", examples: ['1%', '93%'] },
  wildcard: {
    pattern: `\\*\\.${subdomain}`,
    message: "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    examples: ['*.example.com'],
  },
  sysctl: { pattern: '([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?', message: '', examples: [] },
} as const;

export const dnsSubdomain: NameRule = (text) => (fits(text, 'subdomain', 253) ? [] : [...tooLong(text, 253), ...misfit(text, 'subdomain')]);
/** For searches of DNS, where names of services begin with `_`. */
export const dnsSubdomainOrUnderscore: NameRule = (text) => (fits(text, 'underscored', 253) ? [] : [...tooLong(text, 253), ...misfit(text, 'underscored')]);
/** A host name whose first label may be anything. */
export const wildcardSubdomain: NameRule = (text) => (fits(text, 'wildcard', 253) ? [] : [...tooLong(text, 253), ...misfit(text, 'wildcard')]);
export const dns1035Label: NameRule = (text) => (fits(text, 'dns1035', 63) ? [] : [...tooLong(text, 63), ...misfit(text, 'dns1035')]);
export const labelValue: NameRule = (text) => (fits(text, 'labelValue', 63) ? [] : [...tooLong(text, 63, 'bytes'), ...misfit(text, 'labelValue')]);
export const configKey: NameRule = (text) => [...tooLong(text, 253), ...misfit(text, 'configKey'), ...parentTrap(text)];
export const headerName: NameRule = (text) => misfit(text, 'headerName');
export const percent: NameRule = (text) => misfit(text, 'percent');

export const dnsLabel: NameRule = (text) => {
  if (fits(text, 'label', 63)) return [];
  const wrong = misfit(text, 'label');
  const onlyDots = wrong.length > 0 && misfit(text, 'subdomain').length === 0;
  return [...tooLong(text, 63), ...(onlyDots ? ['must not contain dots'] : wrong)];
};

/** A label key, annotation key or resource name: `name` or `prefix.example.com/name`. */
export const qualifiedName: NameRule = (text) => {
  if (fits(text, 'qualified', 63)) return [];
  const parts = text.split('/');
  if (parts.length > 2) {
    return [`a valid label key ${worded('qualified')} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const name = parts.at(-1)!;
  const prefix = parts.length === 2 ? parts[0] : undefined;
  return [
    ...(prefix === '' ? ['prefix part must be non-empty'] : prefix ? dnsSubdomain(prefix).map((why) => `prefix part ${why}`) : []),
    ...(name === '' ? ['name part must be non-empty'] : tooLong(name, 63, 'bytes').map((why) => `name part ${why}`)),
    ...misfit(name, 'qualified').map((why) => `name part ${why}`),
  ];
};

/** The name of a container's or a Service's port. */
export const portName: NameRule = (text) => [
  ...tooLong(text, 15),
  ...when(!/^[-a-z0-9]+$/.test(text), 'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)'),
  ...when(!/[a-z]/.test(text), 'must contain at least one letter (a-z)'),
  ...when(text.includes('--'), 'must not contain consecutive hyphens'),
  ...when(text.startsWith('-') || text.endsWith('-'), 'must not begin or end with a hyphen'),
];

/** The name of an environment variable: any printable ASCII but `=`, as Kubernetes allows since 1.32. */
export const environmentName: NameRule = (text) => [
  ...when(text === '', 'environment variable name must be non-empty'),
  ...when(/[^\x20-\x3c\x3e-\x7e]/.test(text), "a valid environment variable name must consist only of printable ASCII characters other than '='"),
];

/** A name that may stand as one segment of a URL. */
export const pathSegment: NameRule = (text) => {
  if (text === '.' || text === '..') return [`may not be '${text}'`];
  return ['/', '%'].filter((forbidden) => text.includes(forbidden)).map((forbidden) => `may not contain '${forbidden}'`);
};

/** `example.com/some/path`, by which controllers are named. */
export const domainPrefixedPath: NameRule = (text) => {
  const slash = text.indexOf('/');
  if (slash <= 0 || slash === text.length - 1) return ['must be a domain-prefixed path (such as "acme.io/foo")'];
  const path = text.slice(slash + 1);
  return [...dnsSubdomain(text.slice(0, slash)), ...when(!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(path), `Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')`)];
};

export function isSysctlName(text: string): boolean {
  return text.length <= 253 && expressions.sysctl.test(text);
}

export const sysctlPattern: string = formats.sysctl.pattern;

/** The rule for `generateName`: the last dash is where the suffix is put, so it may stand at the end. */
export function asPrefix(rule: NameRule): NameRule {
  return (text) => rule(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -2)}a` : text);
}

type Format = keyof typeof formats;

const expressions = Object.fromEntries(Object.entries(formats).map(([name, { pattern }]) => [name, new RegExp(`^(?:${pattern})$`)])) as Record<Format, RegExp>;

/** The common case, without a list of what is wrong. */
function fits(text: string, format: Format, most: number): boolean {
  return text.length <= most && expressions[format].test(text);
}

function misfit(text: string, format: Format): string[] {
  return when(!expressions[format].test(text), () => worded(format));
}

/** `MESSAGE (e.g. 'a',  or 'b', regex used for validation is 'R')`; upstream's spacing, the double one included. */
function worded(format: Format): string {
  const { pattern, message, examples } = formats[format];
  const given = examples.map((example) => `'${example}', `).join(' or ');
  return `${message} (e.g. ${given}regex used for validation is '${pattern}')`;
}

function tooLong(text: string, most: number, unit: 'characters' | 'bytes' = 'characters'): string[] {
  return when(text.length > most, `must be no more than ${most} ${unit}`);
}

function parentTrap(text: string): string[] {
  if (text === '.' || text === '..') return [`must not be '${text}'`];
  return when(text.startsWith('..'), "must not start with '..'");
}

function when(wrong: boolean, why: string | (() => string)): string[] {
  if (!wrong) return [];
  return [typeof why === 'string' ? why : why()];
}
