// The Common Expression Language (CEL), as Kubernetes has it: expressions as trees.
//
// Our own, for no library bounds what an expression may cost, has RE2's patterns, or knows integers and fields from a schema;
// and a rule that anybody may bring is evaluated on the way of every write.

/** `at`: where in the text it is: its operator, its dot, the bracket that opens it. */
export type Node = { readonly at: number } & (
  | { readonly op: 'value'; readonly value: unknown }
  | { readonly op: 'name'; readonly name: string }
  | { readonly op: 'select'; readonly of: Node; readonly field: string; readonly isOptional: boolean }
  /** `has(of.field)`. */
  | { readonly op: 'has'; readonly of: Node; readonly field: string; readonly isOptional: boolean }
  | { readonly op: 'index'; readonly of: Node; readonly index: Node; readonly isOptional: boolean }
  | { readonly op: 'call'; readonly name: string; readonly receiver: Node | undefined; readonly args: readonly Node[] }
  | { readonly op: 'not' | 'negate'; readonly of: Node }
  | { readonly op: 'and' | 'or'; readonly left: Node; readonly right: Node }
  | { readonly op: 'if'; readonly condition: Node; readonly whenTrue: Node; readonly otherwise: Node }
  | { readonly op: 'binary'; readonly operator: BinaryOperator; readonly left: Node; readonly right: Node }
  | { readonly op: 'list'; readonly items: readonly { readonly isOptional: boolean; readonly value: Node }[] }
  | { readonly op: 'map'; readonly entries: readonly { readonly isOptional: boolean; readonly key: Node; readonly value: Node }[] }
  | { readonly op: 'object'; readonly type: string; readonly entries: readonly { readonly isOptional: boolean; readonly field: string; readonly value: Node }[] }
  /** `of.all(v, body)` and the like; with two variables the first is the index or the key. `filter`: only for `map` with three arguments. */
  | { readonly op: 'macro'; readonly macro: Macro; readonly of: Node; readonly variables: readonly string[]; readonly filter: Node | undefined; readonly body: Node; readonly key: Node | undefined }
  /** `cel.bind(variable, of, body)`; `optMap` and `optFlatMap` of an optional. */
  | { readonly op: 'bind'; readonly kind: 'bind' | 'optMap' | 'optFlatMap'; readonly variable: string; readonly of: Node; readonly body: Node }
);

export type BinaryOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | '+' | '-' | '*' | '/' | '%';
export type Macro = 'all' | 'exists' | 'existsOne' | 'map' | 'filter' | 'transformList' | 'transformMap' | 'transformMapEntry' | 'sortBy';

export interface Problem {
  readonly at: number;
  readonly why: string;
}

/** What is wrong with an expression, as cel-go prints it: all that was found. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';

  constructor(text: string, problems: readonly Problem[]) {
    super(problems.map((problem) => shown(text, problem)).join('\n'));
  }
}

function shown(text: string, { at, why }: Problem): string {
  const before = text.slice(0, at).split('\n');
  const line = before.length;
  const column = before.at(-1)!.length;
  return `ERROR: <input>:${line}:${column + 1}: ${why}\n | ${text.split('\n')[line - 1] ?? ''}\n | ${'.'.repeat(column)}^`;
}
