// The same Events as events.k8s.io/v1 shows them: other names for what they say, and for what they say it of.
import type { Kind } from '../kind.ts';
import type { KubeEvent, KubeObject } from '../types.ts';
import { defineKind } from './define-kind.ts';
import { events } from './event.ts';
import { Report } from './validation/report.ts';

const fields = {
  regarding: 'involvedObject',
  note: 'message',
  reportingController: 'reportingComponent',
  deprecatedSource: 'source',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
  deprecatedCount: 'count',
} as const;

export const eventsV1: Kind = defineKind<KubeObject>({
  kind: 'Event',
  group: 'events.k8s.io',
  shortNames: ['ev'],
  allowCreateOnUpdate: true,
  storedAs: { resource: events, fields },
  validate(object) {
    const report = new Report();
    if (!asStored(object).eventTime) report.required('eventTime');
    return report.causes;
  },
  columns: (events.columns ?? []).map((column) => ({ ...column, cell: (object, nowMs) => column.cell(asStored(object), nowMs) })),
});

function asStored(object: KubeObject): KubeEvent {
  const names: Readonly<Record<string, string>> = fields;
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [names[name] ?? name, value])) as unknown as KubeEvent;
}
