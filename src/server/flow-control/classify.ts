// Which FlowSchema a request belongs to: the first that matches, by precedence and then by name. On the path of every request: the
// schemas that speak of a user at all are found once for each user, and most users have one that matches whatever they ask for.
import type { UserInfo } from '../../api/kind.ts';
import type { ApiRequest } from '../../api/request.ts';
import type { FlowSchema } from '../../api/types.ts';

type Rule = NonNullable<FlowSchema['spec']['rules']>[number];
type Subject = Rule['subjects'][number];

/** What is asked for: an object, or a path that is none. */
export type Asked = ApiRequest | { readonly verb: string; readonly path: string };

interface Candidate<S> {
  readonly schema: S;
  /** Those of its rules that speak of the user; undefined: it matches whatever is asked for. */
  readonly rules: readonly Rule[] | undefined;
}

/** `make` gives what is found in the place of a FlowSchema: the same one each time. `lastResort`, one of them, is for what no other matches. */
export class Classifier<S> {
  readonly #schemas: readonly { readonly schema: S; readonly rules: readonly Rule[] }[];
  readonly #lastResort: S;
  readonly #byUser = new WeakMap<UserInfo, readonly Candidate<S>[]>();

  constructor(schemas: readonly FlowSchema[], lastResort: string, make: (schema: FlowSchema) => S) {
    const sorted = schemas.toSorted(byPrecedence);
    this.#schemas = sorted.map((schema) => ({ schema: make(schema), rules: schema.spec.rules ?? [] }));
    this.#lastResort = this.#schemas[sorted.findIndex(({ metadata }) => metadata.name === lastResort)]!.schema;
  }

  find(user: UserInfo, asked: Asked): S {
    let candidates = this.#byUser.get(user);
    if (!candidates) this.#byUser.set(user, (candidates = this.#candidatesFor(user)));
    for (const { schema, rules } of candidates) if (rules === undefined || rules.some((rule) => matches(rule, asked))) return schema;
    return this.#lastResort;
  }

  #candidatesFor(user: UserInfo): readonly Candidate<S>[] {
    const candidates: Candidate<S>[] = [];
    for (const { schema, rules } of this.#schemas) {
      const own = rules.filter(({ subjects }) => subjects.some((subject) => isAbout(subject, user)));
      if (own.length === 0) continue;
      const isWhole = own.some(matchesAll);
      candidates.push({ schema, rules: isWhole ? undefined : own });
      if (isWhole) break;
    }
    return candidates;
  }
}

function byPrecedence(a: FlowSchema, b: FlowSchema): number {
  return (a.spec.matchingPrecedence ?? 1000) - (b.spec.matchingPrecedence ?? 1000) || (a.metadata.name < b.metadata.name ? -1 : 1);
}

const accountPrefix = 'system:serviceaccount:';

function isAbout({ kind, user, group, serviceAccount }: Subject, { username, groups }: UserInfo): boolean {
  switch (kind) {
    case 'User':
      return user !== undefined && (user.name === '*' || user.name === username);
    case 'Group':
      return group !== undefined && (group.name === '*' || groups.includes(group.name));
    case 'ServiceAccount': {
      if (!serviceAccount || !username.startsWith(accountPrefix)) return false;
      const [namespace, name] = username.slice(accountPrefix.length).split(':');
      return namespace === serviceAccount.namespace && (serviceAccount.name === '*' || serviceAccount.name === name);
    }
    default:
      return false;
  }
}

function matchesAll({ resourceRules = [], nonResourceRules = [] }: Rule): boolean {
  const isAny = (list: readonly string[] | undefined) => list?.includes('*') === true;
  return (
    resourceRules.some(({ verbs, apiGroups, resources, namespaces, clusterScope }) => clusterScope === true && isAny(verbs) && isAny(apiGroups) && isAny(resources) && isAny(namespaces)) &&
    nonResourceRules.some(({ verbs, nonResourceURLs }) => isAny(verbs) && isAny(nonResourceURLs))
  );
}

function matches({ resourceRules = [], nonResourceRules = [] }: Rule, asked: Asked): boolean {
  if (!('resource' in asked)) return nonResourceRules.some(({ verbs, nonResourceURLs }) => has(verbs, asked.verb) && nonResourceURLs.some((url) => coversPath(url, asked.path)));
  const { verb, resource, subresource, namespace } = asked;
  const name = subresource ? `${resource.plural}/${subresource}` : resource.plural;
  return resourceRules.some(
    (rule) => has(rule.verbs, verb) && has(rule.apiGroups, resource.group) && has(rule.resources, name) && (namespace ? has(rule.namespaces ?? [], namespace) : rule.clusterScope === true),
  );
}

function has(list: readonly string[], value: string): boolean {
  return list.includes(value) || list.includes('*');
}

function coversPath(url: string, path: string): boolean {
  return url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1)));
}
