// The rules for names, labels and the like, each answering with Kubernetes' words for what is wrong ([] when nothing is).

/** What is wrong with a text; [] when it follows the rule. */
export type NameRule = (text: string) => string[];

const dnsLabelPattern = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const dnsSubdomainPattern = `${dnsLabelPattern}(\\.${dnsLabelPattern})*`;
const dns1035Pattern = '[a-z]([-a-z0-9]*[a-z0-9])?';
const qualifiedPattern = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValuePattern = `(${qualifiedPattern})?`;
const environmentPattern = '[-._a-zA-Z][-._a-zA-Z0-9]*';
const configKeyPattern = '[-._a-zA-Z0-9]+';

const labelMessage = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
const subdomainMessage =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const dns1035Message =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
const qualifiedMessage = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const labelValueMessage =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

export const dnsLabel: NameRule = rule(63, dnsLabelPattern, labelMessage, 'my-name', '123-abc');
export const dnsSubdomain: NameRule = rule(253, dnsSubdomainPattern, subdomainMessage, 'example.com');
export const dns1035Label: NameRule = rule(63, dns1035Pattern, dns1035Message, 'my-name', 'abc-123');
export const labelValue: NameRule = rule(63, labelValuePattern, labelValueMessage, 'MyValue', 'my_value', '12345');

/** A label key, annotation key or resource name: `name` or `prefix.example.com/name`. */
export const qualifiedName: NameRule = (text) => {
  const parts = text.split('/');
  const name = parts[parts.length - 1]!;
  const wrong: string[] = [];
  if (parts.length > 2) {
    const format = worded('a qualified name must consist of alphanumeric characters, \'-\', \'_\' or \'.\', and must start and end with an alphanumeric character', qualifiedPattern, ['MyName', 'my.name', '123-abc']);
    return [`${format} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  if (parts.length === 2) {
    const prefix = parts[0]!;
    if (prefix === '') wrong.push('prefix part must be non-empty');
    else wrong.push(...dnsSubdomain(prefix).map((why) => `prefix part ${why}`));
  }
  if (name === '') wrong.push('name part must be non-empty');
  else if (name.length > 63) wrong.push(`name part ${longer(63)}`);
  if (!qualified.test(name)) wrong.push(worded(qualifiedMessage, qualifiedPattern, ['MyName', 'my.name', '123-abc']));
  return wrong;
};

/** The name of a port: at least one letter, no `--`. */
export const portName: NameRule = (text) => {
  const wrong: string[] = [];
  if (text.length > 15) wrong.push(longer(15));
  if (!/^[-a-z0-9]+$/.test(text)) wrong.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  if (!/[a-z]/.test(text)) wrong.push('must contain at least one letter (a-z)');
  if (text.includes('--')) wrong.push("must not contain consecutive hyphens");
  if (text.startsWith('-') || text.endsWith('-')) wrong.push('must not begin or end with a hyphen');
  return wrong;
};

/** The name of an environment variable: any printable ASCII but `=`. */
export const environmentName: NameRule = (text) => {
  if (text.length === 0) return ['environment variable name must be non-empty'];
  return /^[\x20-\x3c\x3e-\x7e]+$/.test(text) ? [] : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
};

/** A key of a ConfigMap or Secret, which is also a file name. */
export const configKey: NameRule = (text) => {
  const wrong: string[] = [];
  if (text.length > 253) wrong.push(longer(253));
  if (!configKeys.test(text)) {
    wrong.push(worded("a valid config key must consist of alphanumeric characters, '-', '_' or '.'", configKeyPattern, ['key.name', 'KEY_NAME', 'key-name']));
  }
  return [...wrong, ...fileNameTraps(text)];
};

/** A name that may stand as one segment of a URL. */
export const pathSegment: NameRule = (text) => {
  if (text === '.' || text === '..') return [`may not be '${text}'`];
  return ['/', '%'].filter((forbidden) => text.includes(forbidden)).map((forbidden) => `may not contain '${forbidden}'`);
};

/** A rule for names applied to `generateName`, whose last character may be the dash that the suffix follows. */
export function asPrefix(rule: NameRule): NameRule {
  return (text) => rule(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -1)}a` : text);
}

const qualified = whole(qualifiedPattern);
const configKeys = whole(configKeyPattern);
export const environmentIdentifier = whole(environmentPattern);

function whole(pattern: string): RegExp {
  return new RegExp(`^${pattern}$`);
}

function rule(most: number, pattern: string, message: string, ...examples: string[]): NameRule {
  const expression = whole(pattern);
  return (text) => {
    const wrong: string[] = [];
    if (text.length > most) wrong.push(longer(most));
    else if (expression.test(text)) return wrong;
    if (!expression.test(text.slice(0, most + 1)) || text.length <= most) {
      if (!expression.test(text)) wrong.push(worded(message, pattern, examples));
    }
    return wrong;
  };
}

function longer(most: number): string {
  return `must be no more than ${most} characters`;
}

/** `MESSAGE (e.g. 'a',  or 'b', regex used for validation is 'R')`, the two spaces included, as upstream writes it. */
function worded(message: string, pattern: string, examples: readonly string[]): string {
  const eg = examples.map((example) => `'${example}', `).join(' or ');
  return `${message} (e.g. ${eg}regex used for validation is '${pattern}')`;
}

function fileNameTraps(text: string): string[] {
  if (text === '.') return [`must not be '.'`];
  if (text === '..') return [`must not be '..'`];
  return text.startsWith('..') ? [`must not start with '..'`] : [];
}
