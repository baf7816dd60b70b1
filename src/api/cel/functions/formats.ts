// The formats that Kubernetes has names for: what is wrong with a text, in the words in which the API itself would refuse it.
import { hasFormat } from '../../custom/formats.ts';
import { dns1035Label, dnsLabel, dnsSubdomain, labelValue, qualifiedName, type NameRule } from '../../names.ts';
import type { FunctionTable } from '../functions.ts';
import { none, Opaque, Optional } from '../values.ts';
import { uriProblem } from './texts.ts';

class NamedFormat extends Opaque {
  readonly type = 'format';
  readonly name: string;
  readonly rule: NameRule;
  /** Of the pattern that a text is held against, for what it costs. */
  readonly patternLength: number;
  constructor(name: string, rule: NameRule, patternLength: number) {
    super();
    this.name = name;
    this.rule = rule;
    this.patternLength = patternLength;
  }
  equals(other: unknown): boolean {
    return other instanceof NamedFormat && other.name === this.name;
  }
}

/** The beginning of a name, to which something will be added: it may end with a dash. */
const asPrefix = (rule: NameRule): NameRule => (text) => rule(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -2)}a` : text);
const byName = (format: string, why: string): NameRule => (text) => (hasFormat(format, text) ? [] : [why]);

const formats: ReadonlyMap<string, NamedFormat> = new Map(
  ([
    ['dns1123Label', dnsLabel, 30],
    ['dns1123Subdomain', dnsSubdomain, 60],
    ['dns1035Label', dns1035Label, 30],
    ['qualifiedName', qualifiedName, 60],
    ['dns1123LabelPrefix', asPrefix(dnsLabel), 30],
    ['dns1123SubdomainPrefix', asPrefix(dnsSubdomain), 60],
    ['dns1035LabelPrefix', asPrefix(dns1035Label), 30],
    ['labelValue', labelValue, 40],
    ['uri', uriProblem, 300],
    ['uuid', byName('uuid', 'does not match the UUID format'), 80],
    ['byte', byName('byte', 'invalid base64'), 80],
    ['date', byName('date', 'invalid date'), 110],
    ['datetime', byName('datetime', 'invalid datetime'), 110],
  ] as const).map(([name, rule, patternLength]) => [name, new NamedFormat(name, rule, patternLength)]),
);

export const formatNames: readonly string[] = ['format.named', ...[...formats.keys()].map((name) => `format.${name}`)];

export const formatFunctions: FunctionTable = {
  'format.named(string): optional<format>': ([name]) => {
    const format = formats.get(name);
    return format ? new Optional(true, format) : none;
  },
  ...Object.fromEntries([...formats].map(([name, format]) => [`format.${name}(): format`, () => format])),
  'format.validate(string): optional<list<string>>': ([format, text], budget) => {
    budget.spend(Math.ceil((text.length + 1) * 0.1) * Math.ceil(format.patternLength * 0.25));
    const wrong = format.rule(text);
    return wrong.length === 0 ? none : new Optional(true, wrong);
  },
};
