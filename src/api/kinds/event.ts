// The Event: something that happened to an object, told for people.
import { qualifiedName } from '../names.ts';
import { formatSince } from '../time.ts';
import type { KubeEvent } from '../types.ts';
import { nameColumn, text, wide } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { Report } from './validation/report.ts';

export const events = defineKind<KubeEvent>({
  kind: 'Event',
  shortNames: ['ev'],
  allowCreateOnUpdate: true,
  defaults(draft) {
    draft.involvedObject ??= {};
    draft.source ??= {};
  },
  validate(event) {
    const report = new Report();
    const { namespace = '' } = event.metadata;
    const about = event.involvedObject?.namespace ?? '';
    // An event of an object without a namespace lives in a fixed one.
    const homes = about ? [about] : event.eventTime ? ['default', 'kube-system'] : ['default'];
    if (!homes.includes(namespace) && !(about && event.eventTime)) report.invalid('involvedObject.namespace', about, 'does not match event.namespace');
    if (event.eventTime) checkSeriesEvent(report, event);
    return report.causes;
  },
  selectableFields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject?.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject?.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject?.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject?.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject?.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => source?.component || reportingComponent || '',
    type: ({ type }) => type ?? '',
  },
  columns: [
    text('Last Seen', 'When it was last seen.', (event, nowMs) => formatSince(lastSeen(event), nowMs)),
    text('Type', 'Normal or Warning.', ({ type }) => type ?? ''),
    text('Reason', 'Why, in one word.', ({ reason }) => reason ?? ''),
    text('Object', 'What it happened to.', ({ involvedObject }) => {
      const kind = (involvedObject?.kind ?? '').toLowerCase();
      return involvedObject?.name ? `${kind}/${involvedObject.name}` : kind;
    }),
    wide(text('Subobject', 'The part of the object that it happened to.', ({ involvedObject }) => involvedObject?.fieldPath ?? '')),
    wide(text('Source', 'Who tells it.', sourceOf)),
    text('Message', 'What happened.', ({ message }) => (message ?? '').trim()),
    wide(text('First Seen', 'When it was first seen.', (event, nowMs) => formatSince(event.firstTimestamp || event.eventTime, nowMs))),
    wide(text('Count', 'How often it was seen.', ({ series, count }) => series?.count || count || 1)),
    wide(nameColumn),
  ],
});

const mostCharacters = { reportingInstance: 128, action: 128, reason: 128, message: 1024 } as const;

/** Events with an eventTime tell more of themselves. */
function checkSeriesEvent(report: Report, event: KubeEvent): void {
  report.requiredName('reportingController', event.reportingComponent, qualifiedName);
  for (const field of ['reportingInstance', 'action', 'reason'] as const) if (!event[field]) report.required(field);
  for (const field of ['reportingInstance', 'action', 'reason', 'message'] as const) {
    if ((event[field]?.length ?? 0) > mostCharacters[field]) report.invalid(field, '', `can have at most ${mostCharacters[field]} characters`);
  }
}

function lastSeen({ series, lastTimestamp, firstTimestamp, eventTime }: KubeEvent): string | undefined {
  return series?.lastObservedTime || lastTimestamp || firstTimestamp || eventTime || undefined;
}

function sourceOf({ source, reportingComponent, reportingInstance }: KubeEvent): string {
  return [source?.component || reportingComponent, source?.host || reportingInstance].filter(Boolean).join(', ');
}
