// The same Events as events.k8s.io shows them: other names for what they say, and for what they say it of.
import type { Kind } from '../kind.ts';
import type { KubeEvent, KubeObject } from '../types.ts';
import { defineKind } from './define-kind.ts';
import { events } from './event.ts';
import { deprecationOf } from './lifecycles.ts';
import { Report } from './validation/report.ts';

/** As shown → as stored. */
const fields: Readonly<Record<string, string>> = {
  regarding: 'involvedObject',
  note: 'message',
  reportingController: 'reportingComponent',
  deprecatedSource: 'source',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
  deprecatedCount: 'count',
};
const shownNames = Object.fromEntries(Object.entries(fields).map(([shown, stored]) => [stored, shown]));
const renamed = (object: KubeObject, names: Readonly<Record<string, string>>, apiVersion: string) =>
  ({ ...Object.fromEntries(Object.entries(object).map(([name, value]) => [names[name] ?? name, value])), apiVersion }) as unknown as KubeObject;
const asStored = (object: KubeObject) => renamed(object, fields, 'v1') as KubeEvent;

const kindOf = (version: string, validate?: Kind['validate']): Kind =>
  defineKind<KubeObject>({
    kind: 'Event',
    group: 'events.k8s.io',
    version,
    shortNames: ['ev'],
    allowCreateOnUpdate: true,
    deprecation: deprecationOf('events.k8s.io', version, 'Event'),
    storedAs: {
      resource: events,
      toStored: asStored,
      fromStored: (object) => renamed(object, shownNames, `events.k8s.io/${version}`),
      fieldLabels: {
        ...Object.fromEntries(['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((name) => [`regarding.${name}`, `involvedObject.${name}`])),
        reportingController: 'reportingComponent',
      },
    },
    ...(validate ? { validate } : {}),
    columns: (events.columns ?? []).map((column) => ({ ...column, cell: (object, nowMs) => column.cell(asStored(object), nowMs) })),
  });

export const eventsV1 = kindOf('v1', (object) => {
  const report = new Report();
  if (!asStored(object).eventTime) report.required('eventTime');
  return report.causes;
});
export const eventsV1beta1 = kindOf('v1beta1');
