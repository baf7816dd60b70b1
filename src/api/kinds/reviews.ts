// Questions to the API server that are answered and not stored: who am I, and may someone do something.
import type { Kind } from '../kind.ts';
import { defineKind } from './define-kind.ts';

const question = (kind: string, group: string, namespaced = false): Kind => defineKind({ kind, group, plural: `${kind.toLowerCase()}s`, namespaced, verbs: ['create'] });

export const selfSubjectReviews = question('SelfSubjectReview', 'authentication.k8s.io');
export const tokenReviews = question('TokenReview', 'authentication.k8s.io');
export const localSubjectAccessReviews = question('LocalSubjectAccessReview', 'authorization.k8s.io', true);
export const selfSubjectAccessReviews = question('SelfSubjectAccessReview', 'authorization.k8s.io');
export const selfSubjectRulesReviews = question('SelfSubjectRulesReview', 'authorization.k8s.io');
export const subjectAccessReviews = question('SubjectAccessReview', 'authorization.k8s.io');
