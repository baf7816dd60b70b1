// Writes by chance: the request, and what the model makes of it for any state of the object.
import type { ApiRequest, PatchType, RequestOptions } from '../../../src/api/request.ts';
import type { Chance } from './chance.ts';
import { keyOf, type RecordedHistory } from './history.ts';
import { clone, jsonPatched, merged, pointer, read, strategicallyMerged, write, type Leaf } from './json.ts';
import type { Json, ModelKind } from './kinds.ts';
import { applied, bound, created, deleted, invalid, notFound, replaced, scaled, type Deletion, type Outcome } from './model.ts';
import { labelValues, names, namespaces, someSelection, type Selection } from './selection.ts';

export interface Operation {
  readonly kind: ModelKind;
  readonly what: 'write' | 'delete' | 'scale' | 'bind' | 'evict' | 'collection';
  readonly request: ApiRequest;
  /** `uid` and `name` are what the server has chosen, where it may. */
  readonly outcome: (before: Json | undefined, nowMs: number, chosen: { readonly uid: string; readonly name: string }) => Outcome;
  readonly deletion?: Deletion;
  readonly selection?: Selection;
}

const managers = ['alice', 'bob', 'carol'];
const finalizers = ['example.com/one', 'example.com/two'];
const unsupported: Outcome = { refused: '415 UnsupportedMediaType' };

export class Operations {
  readonly #chance: Chance;
  readonly #kinds: readonly ModelKind[];
  readonly #history: RecordedHistory;
  /** By kind: what defaults make of a new object. */
  readonly #templates: ReadonlyMap<ModelKind, Json>;

  constructor(chance: Chance, kinds: readonly ModelKind[], history: RecordedHistory, templates: ReadonlyMap<ModelKind, Json>) {
    this.#chance = chance;
    this.#kinds = kinds;
    this.#history = history;
    this.#templates = templates;
  }

  next(): Operation {
    const chance = this.#chance;
    const kind = chance.of(this.#kinds);
    const isPod = kind.kind === 'Pod';
    const verb = chance.weighted({ create: 25, update: 18, patch: 22, apply: 14, delete: 14, status: kind.hasStatus ? 8 : 1, scale: kind.hasScale ? 6 : 0, bind: isPod ? 14 : 0, evict: isPod ? 8 : 0, collection: 2 });
    switch (verb) {
      case 'create': return this.#create(kind);
      case 'update': return this.#update(kind, '');
      case 'status': return this.#update(kind, 'status');
      case 'patch': return this.#patch(kind);
      case 'apply': return this.#apply(kind);
      case 'delete': return this.#delete(kind);
      case 'scale': return this.#scale(kind);
      case 'bind': return this.#bind(kind);
      case 'evict': return this.#evict(kind);
      case 'collection': return this.#collection(kind);
    }
  }

  #place(kind: ModelKind): { namespace?: string; name: string } {
    const name = this.#chance.of(names);
    return kind.namespaced ? { namespace: this.#chance.of(namespaces), name } : { name };
  }

  #sender(): { manager: string; options: RequestOptions } {
    const manager = this.#chance.of(managers);
    return { manager, options: { fieldManager: manager, ...(this.#chance.oneIn(10) ? { dryRun: true } : {}) } };
  }

  /** As it was at some time, most likely now. */
  #seen(kind: ModelKind, { namespace, name }: { namespace?: string; name: string }): Json | undefined {
    const states = this.#history.of(kind, keyOf(namespace, name));
    const seen = this.#chance.oneIn(5) ? states[this.#chance.below(states.length)] : states.at(-1);
    return clone(seen?.object);
  }

  #value(leaf: Leaf, kind: ModelKind): unknown {
    const chance = this.#chance;
    if (leaf.startsWith('metadata.labels')) return chance.of(labelValues);
    if (leaf.includes('/')) return chance.of(kind.kind === 'Secret' && leaf.startsWith('data') ? ['QQ==', 'Qg==', 'Qw=='] : ['1', '2', '3', 'größer']);
    return chance.of(kind.fields[leaf] ?? kind.statusFields[leaf]!);
  }

  #leaf(kind: ModelKind): Leaf {
    const chance = this.#chance;
    const fields = Object.keys(kind.fields).filter((field) => field !== 'immutable' || chance.oneIn(10));
    if (fields.length > 0 && chance.oneIn(3)) return chance.of(fields);
    const map = chance.of(kind.maps);
    return `${map}/${chance.of(map === 'metadata.labels' ? ['l', 'm'] : ['k1', 'k2', 'k.3'])}`;
  }

  /** Changes of a few fields; undefined takes one away. */
  #changes(kind: ModelKind): Map<Leaf, unknown> {
    const changes = new Map<Leaf, unknown>();
    for (let left = 1 + this.#chance.below(3); left > 0; left--) {
      const leaf = this.#leaf(kind);
      const isNeeded = leaf === 'value' || (kind.kind === 'Deployment' && leaf in kind.fields) || leaf === 'spec.replicas';
      changes.set(leaf, !isNeeded && this.#chance.oneIn(4) ? undefined : this.#value(leaf, kind));
    }
    return changes;
  }

  #create(kind: ModelKind): Operation {
    const chance = this.#chance;
    const { namespace, name } = this.#place(kind);
    const place = namespace && chance.oneIn(20) ? chance.of(['missing', 'dying']) : namespace;
    const { manager, options } = this.#sender();
    const isGenerated = chance.oneIn(6);
    const body: Json = { ...clone(kind.body), apiVersion: kind.apiVersion, kind: kind.kind, metadata: { ...(isGenerated ? { generateName: 'g-' } : { name }), ...(chance.oneIn(2) && place ? { namespace: place } : {}) } };
    for (const [leaf, value] of this.#changes(kind)) if (value !== undefined) write(body, leaf, value);
    if (chance.oneIn(4)) body['metadata'].finalizers = chance.oneIn(3) ? finalizers : [chance.of(finalizers)];
    return {
      kind, what: 'write', request: { verb: 'create', resource: kind.resource, ...(place ? { namespace: place } : {}), options, body },
      outcome: (before, nowMs, chosen) => created(kind, this.#templates.get(kind)!, body, before, { manager, nowMs }, chosen.uid, isGenerated ? chosen.name : name, place, false),
    };
  }

  #update(kind: ModelKind, subresource: '' | 'status'): Operation {
    const chance = this.#chance;
    const place = this.#place(kind);
    const { manager, options } = this.#sender();
    const body: Json = this.#seen(kind, place) ?? { ...clone(this.#templates.get(kind)!), metadata: { ...place } };
    if (subresource === 'status') for (const field of Object.keys(kind.statusFields)) write(body, field, this.#value(field, kind));
    else {
      for (const [leaf, value] of this.#changes(kind)) write(body, leaf, value);
      if (chance.oneIn(3)) body['metadata'].finalizers = chance.oneIn(2) ? undefined : [chance.of(finalizers)];
      if (chance.oneIn(4)) body['metadata'].resourceVersion = undefined;
    }
    if (chance.oneIn(2) || !body['metadata'].resourceVersion) body['metadata'].managedFields = undefined;
    if (chance.oneIn(12)) body['metadata'].managedFields = [];
    if (!body['metadata'].resourceVersion && chance.oneIn(2)) body['metadata'].uid = undefined;
    return {
      kind, what: 'write', request: { verb: 'update', resource: kind.resource, ...place, ...(subresource ? { subresource } : {}), options, body: clone(body) },
      outcome: (before, nowMs) => (!before || (subresource && !kind.hasStatus) ? notFound : replaced(kind, before, clone(body), subresource, { manager, nowMs })),
    };
  }

  #patch(kind: ModelKind): Operation {
    const chance = this.#chance;
    const place = this.#place(kind);
    const { manager, options } = this.#sender();
    const patchType = chance.of<PatchType>(['merge', 'strategic', 'json']);
    const seen = this.#seen(kind, place);
    const subresource = kind.hasStatus && chance.oneIn(6) ? 'status' : '';
    const changes = subresource ? new Map(Object.keys(kind.statusFields).map((field) => [field, this.#value(field, kind)])) : this.#changes(kind);
    const revision = seen && chance.oneIn(5) ? (seen['metadata'].resourceVersion as string) : undefined;
    const body = patchType === 'json' ? this.#jsonPatch(changes, seen, revision) : this.#mergePatch(changes, patchType, subresource === '', revision);
    return {
      kind, what: 'write', request: { verb: 'patch', patchType, resource: kind.resource, ...place, ...(subresource ? { subresource } : {}), options, body },
      outcome: (before, nowMs) => {
        if (!before) return notFound;
        if (patchType === 'strategic' && kind.isCustom) return unsupported;
        const current = clone(before);
        const draft = patchType === 'json' ? jsonPatched(current, body as Json[]) : patchType === 'merge' ? (merged(current, body) as Json) : strategicallyMerged(current, body as Json);
        return draft ? replaced(kind, before, draft, subresource, { manager, nowMs }) : invalid;
      },
    };
  }

  #jsonPatch(changes: ReadonlyMap<Leaf, unknown>, seen: Json | undefined, revision: string | undefined): Json[] {
    const steps: Json[] = [];
    if (revision) steps.push({ op: 'test', path: '/metadata/resourceVersion', value: revision });
    for (const [leaf, value] of changes) {
      const path = pointer(leaf);
      const known = read(seen, leaf);
      if (known !== undefined && this.#chance.oneIn(3)) steps.push({ op: 'test', path, value: known });
      if (value === undefined) steps.push({ op: 'remove', path });
      else steps.push({ op: known !== undefined && this.#chance.oneIn(2) ? 'replace' : 'add', path, value });
    }
    return steps;
  }

  #mergePatch(changes: ReadonlyMap<Leaf, unknown>, type: 'merge' | 'strategic' | string, withFinalizers: boolean, revision: string | undefined): Json {
    const body: Json = { metadata: revision ? { resourceVersion: revision } : {} };
    for (const [leaf, value] of changes) write(body, leaf, value ?? null);
    if (withFinalizers && this.#chance.oneIn(4)) {
      const chosen = [this.#chance.of(finalizers)];
      if (type === 'merge') body['metadata'].finalizers = this.#chance.oneIn(2) ? null : chosen;
      else if (this.#chance.oneIn(2)) body['metadata']['$deleteFromPrimitiveList/finalizers'] = chosen;
      else body['metadata'].finalizers = chosen;
    }
    return body;
  }

  #apply(kind: ModelKind): Operation {
    const chance = this.#chance;
    const place = this.#place(kind);
    const { manager, options } = this.#sender();
    const isForced = chance.oneIn(2);
    const config = new Map([...this.#changes(kind)].filter(([, value]) => value !== undefined));
    if (chance.oneIn(5)) config.set(`metadata.finalizers/${chance.of(finalizers)}`, true);
    if (kind.kind === 'PriorityClass') config.set('value', 7);
    const body: Json = { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name: place.name } };
    for (const [leaf, value] of config) {
      if (leaf.startsWith('metadata.finalizers/')) (body['metadata'].finalizers ??= []).push(leaf.slice('metadata.finalizers/'.length));
      else write(body, leaf, value);
    }
    return {
      kind, what: 'write', request: { verb: 'patch', patchType: 'apply', resource: kind.resource, ...place, options: { ...options, force: isForced }, body },
      outcome: (before, nowMs, chosen) => {
        const sender = { manager, nowMs };
        if (before) return applied(kind, before, config, isForced, sender);
        const template = kind.isCustom || kind.kind === 'Secret' ? this.#templateOfApply(kind) : this.#templates.get(kind)!;
        return created(kind, template, { ...body, metadata: body['metadata'] }, undefined, sender, chosen.uid, place.name, place.namespace, true);
      },
    };
  }

  /** What defaults add to a body that has nothing. */
  #templateOfApply(kind: ModelKind): Json {
    const { spec: _spec, ...rest } = this.#templates.get(kind)!;
    return rest;
  }

  #deletion(kind: ModelKind, seen: Json | undefined): Deletion {
    const chance = this.#chance;
    return {
      ...(chance.oneIn(kind.kind === 'Pod' ? 2 : 6) ? { gracePeriodSeconds: chance.of([0, 0, 1, 5, 60]) } : {}),
      ...(chance.oneIn(5) ? { propagationPolicy: chance.of(['Orphan', 'Background', 'Foreground'] as const) } : {}),
      ...(seen && chance.oneIn(3) ? { preconditions: chance.oneIn(2) ? { uid: seen['metadata'].uid } : { resourceVersion: seen['metadata'].resourceVersion } } : {}),
    };
  }

  #delete(kind: ModelKind): Operation {
    const place = this.#place(kind);
    const { manager, options } = this.#sender();
    const deletion = this.#deletion(kind, this.#seen(kind, place));
    return {
      kind, what: 'delete', deletion, request: { verb: 'delete', resource: kind.resource, ...place, options, body: deletion },
      outcome: (before, nowMs) => (before ? deleted(kind, before, deletion, { manager, nowMs }) : notFound),
    };
  }

  #scale(kind: ModelKind): Operation {
    const chance = this.#chance;
    const place = this.#place(kind);
    const { manager, options } = this.#sender();
    const seen = this.#seen(kind, place);
    const replicas = chance.of(kind.fields['spec.replicas'] as number[]);
    const resourceVersion = seen && chance.oneIn(3) ? (seen['metadata'].resourceVersion as string) : undefined;
    const isPatch = chance.oneIn(2);
    const body = { ...(isPatch ? {} : { kind: 'Scale', apiVersion: 'autoscaling/v1' }), metadata: { ...(isPatch ? {} : place), ...(resourceVersion ? { resourceVersion } : {}) }, spec: { replicas } };
    return {
      kind, what: 'scale', request: { verb: isPatch ? 'patch' : 'update', ...(isPatch ? { patchType: 'merge' as const } : {}), resource: kind.resource, ...place, subresource: 'scale', options, body },
      outcome: (before, nowMs) => {
        if (!before) return notFound;
        // Upstream's one inner error: a scale that is nowhere.
        if (isPatch && read(before, 'spec.replicas') === undefined) return { refused: '500 InternalError' };
        return scaled(kind, before, replicas, resourceVersion, { manager, nowMs });
      },
    };
  }

  #bind(kind: ModelKind): Operation {
    const place = this.#place(kind);
    const { options } = this.#sender();
    const node = this.#chance.of(['n1', 'n2']);
    return {
      kind, what: 'bind', request: { verb: 'create', resource: kind.resource, ...place, subresource: 'binding', options, body: { metadata: { name: place.name }, target: { kind: 'Node', name: node } } },
      outcome: (before) => (before ? bound(before, node) : notFound),
    };
  }

  #evict(kind: ModelKind): Operation {
    const place = this.#place(kind);
    const { manager, options } = this.#sender();
    const deletion = this.#deletion(kind, this.#seen(kind, place));
    return {
      kind, what: 'evict', deletion, request: { verb: 'create', resource: kind.resource, ...place, subresource: 'eviction', options, body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: place.name }, deleteOptions: deletion } },
      outcome: (before, nowMs) => (before ? deleted(kind, before, deletion, { manager, nowMs }) : notFound),
    };
  }

  #collection(kind: ModelKind): Operation {
    const { options } = this.#sender();
    const some = someSelection(this.#chance, kind);
    const selection = kind.namespaced && some.namespace === undefined ? { ...some, namespace: 'a', matches: (object: Json) => object['metadata'].namespace === 'a' && some.matches(object) } : some;
    const { preconditions: _none, ...deletion } = this.#deletion(kind, undefined);
    return {
      kind, what: 'collection', deletion, selection,
      request: { verb: 'deletecollection', resource: kind.resource, ...(selection.namespace ? { namespace: selection.namespace } : {}), options: { ...options, ...selection.options }, body: deletion },
      outcome: (before, nowMs) => (before ? deleted(kind, before, deletion, { manager: '', nowMs }) : notFound),
    };
  }
}

