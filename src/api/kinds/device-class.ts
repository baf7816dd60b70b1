// DeviceClass and ResourceSlice: kinds of devices, and which a node has. Data only: no driver is run here.
import { dnsSubdomain } from '../names.ts';
import type { DeviceClass, ResourceSlice } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { Report } from './validation/report.ts';

const group = 'resource.k8s.io';

export const deviceClasses = defineKind<DeviceClass>({
  kind: 'DeviceClass',
  group,
  plural: 'deviceclasses',
  namespaced: false,
  hasGeneration: true,
  defaults(draft) {
    draft.spec ??= {};
  },
});

export const resourceSlices = defineKind<ResourceSlice>({
  kind: 'ResourceSlice',
  group,
  namespaced: false,
  hasGeneration: true,
  selectableFields: { 'spec.nodeName': ({ spec }) => spec.nodeName ?? '', 'spec.driver': ({ spec }) => spec.driver },
  validate({ spec }) {
    const report = new Report();
    report.requiredName('spec.driver', spec.driver, dnsSubdomain);
    if (!spec.pool?.name) report.required('spec.pool.name');
    const places = [spec.nodeName, spec.nodeSelector, spec.allNodes, spec.perDeviceNodeSelection].filter(Boolean);
    if (places.length !== 1) report.invalid('spec', '{}', 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required');
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Node', 'Whose devices they are.', ({ spec }) => spec.nodeName ?? '<unset>'),
    text('Driver', 'Who drives them.', ({ spec }) => spec.driver),
    text('Pool', 'The pool that they belong to.', ({ spec }) => spec.pool?.name ?? ''),
    ageColumn,
  ],
});
