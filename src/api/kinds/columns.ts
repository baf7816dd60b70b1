// The columns that most tables share, and short forms to declare the others.
import type { Column } from '../kind.ts';
import type { KubeObject } from '../types.ts';
import { formatSince } from '../time.ts';

type Cell<T> = Column<T>['cell'];

export const nameColumn: Column<KubeObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Unique within its namespace, or within the cluster for kinds without namespaces.',
  priority: 0,
  cell: (object) => object.metadata.name,
};

export const ageColumn: Column<KubeObject> = {
  name: 'Age',
  type: 'string',
  description: 'Time since the object was created.',
  priority: 0,
  cell: (object, nowMs) => formatSince(object.metadata.creationTimestamp, nowMs),
};

/** A text column; `wide` ones show only with `-o wide`. */
export function text<T>(name: string, description: string, cell: Cell<T>): Column<T> {
  return { name, type: 'string', description, priority: 0, cell };
}

export function integer<T>(name: string, description: string, cell: Cell<T>): Column<T> {
  return { name, type: 'integer', description, priority: 0, cell };
}

export function wide<T>(column: Column<T>): Column<T> {
  return { ...column, priority: 1 };
}

/** The columns of a Pod template that workloads show with `-o wide`, and their selector. */
export function workloadColumns<T>(
  containersOf: (object: T) => readonly { readonly name: string; readonly image?: string }[],
  selectorOf: (object: T) => string,
): Column<T>[] {
  return [
    wide(text('Containers', 'Names of the containers in the template.', (object) => containersOf(object).map(({ name }) => name).join(','))),
    wide(text('Images', 'Images of the containers in the template.', (object) => containersOf(object).map(({ image }) => image ?? '').join(','))),
    wide(text('Selector', 'The labels that the Pods are found by.', selectorOf)),
  ];
}
