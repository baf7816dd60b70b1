// The query language of label selectors: a scanner and a recursive-descent parser, with Kubernetes' errors.
import { ApiError } from './error.ts';
import { labelValue, qualifiedName } from './names.ts';

/** `nothing` never holds: an operator that nobody knows. */
export type LabelOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | '>' | '<' | 'nothing';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

/** All must hold. Throws ApiError BadRequest. */
export function parseLabelRequirements(text: string): LabelRequirement[] {
  const tokens = scan(text);
  let next = 0;
  const peek = (): Token => tokens[next] ?? end;
  const take = (): Token => tokens[next++] ?? end;
  const requirements: LabelRequirement[] = [];
  while (peek() !== end) {
    if (peek().type !== 'word' && peek().text !== '!') throw found(peek(), "!, identifier, or 'end of string'");
    try {
      requirements.push(parseRequirement(peek, take));
    } catch (error) {
      throw ApiError.badRequest(`unable to parse requirement: ${(error as Error).message}`);
    }
    const separator = take();
    if (separator === end) break;
    if (separator.text !== ',') throw found(separator, "',' or 'end of string'");
    if (peek().type !== 'word' && peek().text !== '!') throw found(peek(), "identifier after ','");
  }
  return requirements;
}

interface Token {
  readonly type: 'word' | 'sign' | 'end';
  readonly text: string;
}

const end: Token = { type: 'end', text: '' };
const signs = ['==', '!=', '=', '!', '(', ')', ',', '>', '<'];
const binary = ['in', 'notin', '=', '==', '!=', '>', '<'];

function scan(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const sign = signs.find((sign) => text.startsWith(sign, at));
    const word = sign ? undefined : /[^\s=!(),><]+/y;
    if (word) word.lastIndex = at;
    const match = word?.exec(text)?.[0];
    if (sign) tokens.push({ type: 'sign', text: sign });
    else if (match) tokens.push({ type: 'word', text: match });
    at += (sign ?? match ?? ' ').length;
  }
  return tokens;
}

function parseRequirement(peek: () => Token, take: () => Token): LabelRequirement {
  const negated = peek().text === '!' && take() !== undefined;
  const key = take();
  if (key.type !== 'word') throw found(key, 'identifier');
  check('<nil>', key.text, qualifiedName(key.text));
  if (negated) return { key: key.text, operator: '!', values: [] };
  if (peek() === end || peek().text === ',') return { key: key.text, operator: 'exists', values: [] };
  const operator = take();
  if (!binary.includes(operator.text)) throw found(operator, 'in, notin, =, ==, !=, gt, lt');
  const isSet = operator.text === 'in' || operator.text === 'notin';
  const values = isSet ? parseSet(peek, take) : [parseValue(peek, take)];
  const requirement = { key: key.text, operator: operator.text as LabelOperator, values };
  checkValues(requirement);
  return requirement;
}

/** `(a,b)`; empty values are values: `(,a)` is '' and a. */
function parseSet(peek: () => Token, take: () => Token): string[] {
  const open = take();
  if (open.text !== '(') throw new Error(`found '${open.text}' expected: '('`);
  const values = new Set<string>();
  if (peek().text === ')') return take() && [];
  if (peek().type !== 'word' && peek().text !== ',') throw found(peek(), "',', ')' or identifier");
  for (;;) {
    values.add(peek().type === 'word' ? take().text : '');
    const separator = take();
    if (separator.text === ')') return [...values];
    if (separator.text !== ',') throw found(separator, "',' or ')'");
    if (peek().type !== 'word' && peek().text !== ',' && peek().text !== ')') throw found(peek(), "',', or identifier");
  }
}

function parseValue(peek: () => Token, take: () => Token): string {
  if (peek() === end || peek().text === ',') return '';
  const value = take();
  if (value.type !== 'word') throw found(value, 'identifier');
  return value.text;
}

function checkValues({ key, operator, values }: LabelRequirement): void {
  if ((operator === 'in' || operator === 'notin') && values.length === 0) {
    throw new Error(`values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty`);
  }
  values.forEach((value, index) => {
    if ((operator === '>' || operator === '<') && !/^[+-]?\d+$/.test(value)) {
      check(`values[${index}]`, value, ["for 'Gt', 'Lt' operators, the value must be an integer"]);
    }
    check(`values[${index}][${key}]`, value, labelValue(value));
  });
}

function check(path: string, value: string, wrong: readonly string[]): void {
  if (wrong.length > 0) throw new Error(`${path}: Invalid value: ${JSON.stringify(value)}: ${wrong.join('; ')}`);
}

function found(token: Token, expected: string): ApiError {
  return ApiError.badRequest(`found '${token.text}', expected: ${expected}`);
}
