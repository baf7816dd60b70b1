// What expressions about a write may name: of the object and the request only evaluation knows the types.
import { dyn, simple, type Type } from './cel/types.ts';

export const admissionVariables: ReadonlyMap<string, Type> = new Map<string, Type>([
  ['object', dyn],
  ['oldObject', dyn],
  ['request', dyn],
  ['authorizer', simple('authorizer')],
]);

export const policyVariables: ReadonlyMap<string, Type> = new Map<string, Type>([...admissionVariables, ['params', dyn], ['namespaceObject', dyn], ['variables', dyn]]);
