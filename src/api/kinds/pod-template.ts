// The PodTemplate: a template for Pods that others may point to. Data only.
import type { PodTemplate } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { defaultPodTemplate } from './pod/defaults.ts';
import { checkPodTemplate } from './pod/validate.ts';
import { labelSelectorOf } from '../selectors.ts';
import { Report } from './validation/report.ts';

const containersOf = ({ template }: PodTemplate) => template?.spec?.containers ?? [];

export const podTemplates = defineKind<PodTemplate>({
  kind: 'PodTemplate',
  hasGeneration: true,
  defaults: ({ template }) => defaultPodTemplate(template as never),
  validate({ template }) {
    const report = new Report();
    if (template) checkPodTemplate(report, 'template', template);
    else report.required('template');
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Containers', 'Names of the containers in the template.', (one) => containersOf(one).map(({ name }) => name).join(',')),
    text('Images', 'Images of the containers in the template.', (one) => containersOf(one).map(({ image }) => image ?? '').join(',')),
    text('Pod Labels', 'Labels that the Pods get.', ({ template }) => labelSelectorOf({ matchLabels: template?.metadata?.labels ?? {} }).toString() || '<none>'),
    ageColumn,
  ],
});
