// The ServiceAccount: who a Pod is when it calls the API.
import type { ServiceAccount } from '../types.ts';
import { ageColumn, integer, nameColumn } from './columns.ts';
import { defineKind } from './define-kind.ts';

const enforce = 'kubernetes.io/enforce-mountable-secrets';

export const serviceAccounts = defineKind<ServiceAccount>({
  kind: 'ServiceAccount',
  shortNames: ['sa'],
  // Answered by server/token-request.ts: the account itself stays as it is.
  subresources: { token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs: ['create'], write: (account) => account } },
  warnings: ({ metadata }) => (metadata.annotations?.[enforce] === undefined ? [] : [`metadata.annotations[${enforce}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`]),
  columns: [nameColumn, integer('Secrets', 'How many Secrets it may use.', ({ secrets }) => secrets?.length ?? 0), ageColumn],
});
