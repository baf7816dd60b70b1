// The audit log, as kube-apiserver's flags of these names describe it: a policy says what, a path where.
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { AuditLog } from '../server/audit/audit-log.ts';
import { createFileBackend } from '../server/audit/file-backend.ts';
import { compilePolicy, validatePolicy, type DecideLevel } from '../server/audit/policy.ts';
import { readConfigFile, type ConfigKind } from './config-file.ts';
import { UserError } from './user-error.ts';

/** As kube-apiserver's flags of these names. */
export interface AuditFlags {
  /** A file with a Policy of audit.k8s.io/v1: what is told of which requests. Default: nothing of any. */
  readonly auditPolicyFile?: string;
  /** Where events are written, one a line; `-`: to standard output. Without a policy nothing is written. */
  readonly auditLogPath?: string;
  /** At which size in megabytes the file is put aside. Default: 100. */
  readonly auditLogMaxsize?: number;
  /** How many files that were put aside are kept; 0: all. Default: 0. */
  readonly auditLogMaxbackup?: number;
  /** After how many days files that were put aside go; 0: never. Default: 0. */
  readonly auditLogMaxage?: number;
}

const configKind: ConfigKind = {
  flag: '--audit-policy-file',
  kind: 'Policy',
  apiVersions: ['audit.k8s.io/v1'],
  shape: {
    rules: [{
      level: 'text', users: ['text'], userGroups: ['text'], verbs: ['text'], resources: [{ group: 'text', resources: ['text'], resourceNames: ['text'] }], namespaces: ['text'],
      nonResourceURLs: ['text'], omitStages: ['text'], omitManagedFields: 'flag',
    }],
    omitStages: ['text'],
    omitManagedFields: 'flag',
  },
};

/** Undefined: nothing is told. Throws UserError for a policy that cannot be, and a path that cannot be written. */
export async function openAuditLog(flags: AuditFlags, clock: Clock, log: Log): Promise<AuditLog | undefined> {
  const { auditPolicyFile, auditLogPath: path, auditLogMaxsize = 0, auditLogMaxbackup = 0, auditLogMaxage = 0 } = flags;
  for (const [flag, value] of [['--audit-log-maxsize', auditLogMaxsize], ['--audit-log-maxbackup', auditLogMaxbackup], ['--audit-log-maxage', auditLogMaxage]] as const) {
    if (!Number.isInteger(value) || value < 0) throw new UserError(`${flag} ${value} must be a non-negative number`, 'give a whole number, 0 or more');
  }
  if (auditPolicyFile === undefined) {
    if (path !== undefined) throw new UserError('there is no audit policy, so nothing would be written to the audit log', 'give one with --audit-policy-file');
    return undefined;
  }
  const decide = readConfigFile(auditPolicyFile, configKind, validatePolicy, compilePolicy) satisfies DecideLevel;
  if (path === undefined) throw new UserError('there is an audit policy, but no place where events are written', 'give one with --audit-log-path; - is standard output');
  try {
    const file = await createFileBackend({ path, maxSizeMb: auditLogMaxsize || 100, maxBackups: auditLogMaxbackup, maxAgeDays: auditLogMaxage, clock, log });
    return new AuditLog({ decide, backends: [file], clock });
  } catch (error) {
    throw new UserError(`the audit log ${path} cannot be written: ${(error as Error).message}`, 'check --audit-log-path', { cause: error });
  }
}
