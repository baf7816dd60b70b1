// What stock kubectl, old and new, shows and answers: one line of the table for each thing that people type.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pod } from '../support/manifests.ts';
import { startRealCluster, type KubectlVersion, type RealCluster } from '../support/real-cluster.ts';

interface Line {
  readonly args: string;
  /** What it says, on standard output and then on standard error. */
  readonly says: RegExp;
  readonly input?: object;
  readonly code?: number;
  readonly only?: KubectlVersion;
  readonly env?: Readonly<Record<string, string>>;
}

/** For the name u. */
const certificateRequest = 'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlISE1HNENBUUF3RERFS01BZ0dBMVVFQXd3QmRUQlpNQk1HQnlxR1NNNDlBZ0VHQ0NxR1NNNDlBd0VIQTBJQQpCTWxJcXZvZlRCd1RMdHpFOFNBMXZia2NJS3MzeXo0eHQ0Y1VnMnVLWGNycE44SGgrMHY5VkZhdmNIaHZGdTlQCnZwdU91MjlQR2p2WEttMFh0aUVlQ0ZtZ0FEQUtCZ2dxaGtqT1BRUURBZ05KQURCR0FpRUFpMFdrVHpJQXhid08KN1Z1NnFReWNXVjlidS8yckFham95d01TQk1mZWh0TUNJUURWeUpjYXIzNWpjODZyUUwvanBnWDlEMm9KNk1rWApzbE1wRUIrRVdlYnBOQT09Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=';
const map = (name: string, data: object) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data });
const policy = (name: string, port: number) => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace: 'default' }, spec: { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'a' } } }], ports: [{ port }] }] } });

/** As a chart of 2019 has it: one version, no types, columns in the spelling of then. */
const olderDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1beta1', kind: 'CustomResourceDefinition', metadata: { name: 'olds-NAME.example.com' },
  spec: {
    group: 'example.com', version: 'v1', names: { plural: 'olds-NAME', kind: 'OldNAME' }, validation: { openAPIV3Schema: { properties: { spec: { properties: { size: { type: 'integer' } } } } } },
    additionalPrinterColumns: [{ name: 'Size', type: 'integer', JSONPath: '.spec.size' }],
  },
};

const csr = (name: string) => ({ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name }, spec: { request: certificateRequest, signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] } });
const list = (...items: object[]) => ({ apiVersion: 'v1', kind: 'List', items });
const labelled = (name: string) => ({ ...map(name, {}), metadata: { name, namespace: 'default', labels: { part: 'NAME' } } });
const editor = (command: string) => ({ KUBE_EDITOR: `sed -i '${command}'` });

/** In this order; `NAME` is one for each version, `FOLDER` a folder of each. */
const table: readonly Line[] = [
  { args: 'auth whoami', says: /^Username +kubernetes-admin\nGroups +\[system:masters system:authenticated\]$/m, only: '1.36' },
  { args: 'auth can-i create pods', says: /^yes$/m },
  { args: 'auth can-i create pods --as stranger', says: /^no$/m, code: 1 },
  { args: 'auth can-i get /metrics --as stranger', says: /^no$/m, code: 1 },
  { args: 'auth can-i --list', says: /^\*\.\* +\[\] +\[\] +\[\*\]$/m },
  { args: 'create --validate=false -f - -o jsonpath={.status.allowed}', input: { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec: { user: 'system:kube-scheduler', resourceAttributes: { verb: 'list', resource: 'nodes' } } }, says: /^true$/ },
  { args: 'create --validate=false -f - -o jsonpath={.status.allowed}', input: { apiVersion: 'authorization.k8s.io/v1', kind: 'LocalSubjectAccessReview', metadata: { namespace: 'default' }, spec: { user: 'stranger', resourceAttributes: { namespace: 'default', verb: 'get', resource: 'pods' } } }, says: /^false$/ },
  { args: 'create --validate=false -f -', input: { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec: { user: 'x' } }, says: /exactly one of nonResourceAttributes or resourceAttributes must be specified/, code: 1 },
  { args: 'get selfsubjectreviews', says: /MethodNotAllowed/, code: 1 },
  { args: 'create token default --duration=10m', says: /^ey[\w-]+\.[\w-]+\.[\w-]+$/m, only: '1.36' },
  { args: 'create role NAME --verb=get,list --resource=configmaps,deployments.apps', says: /role\.rbac\.authorization\.k8s\.io\/NAME created/ },
  { args: 'get role NAME', says: /^[A-Z]+ +CREATED AT\nNAME +\d{4}-\d\d-\d\dT/m },
  { args: 'describe role NAME', says: /^ +configmaps +\[\] +\[\] +\[get list\]\n +deployments\.apps +/m },
  { args: 'auth can-i list deployments.apps --as NAME', says: /^no$/m, code: 1 },
  { args: 'create rolebinding NAME --role=NAME --user=NAME --serviceaccount=default:NAME', says: /rolebinding\.rbac\.authorization\.k8s\.io\/NAME created/ },
  { args: 'get rolebinding NAME -o wide', says: /^[A-Z]+ +ROLE +AGE +USERS +GROUPS +SERVICEACCOUNTS\nNAME +Role\/NAME +\S+ +NAME +default\/NAME$/m },
  { args: 'auth can-i list deployments.apps --as NAME', says: /^yes$/m },
  { args: 'get configmaps --as system:serviceaccount:default:NAME -o name', says: /^configmap\/kube-root-ca\.crt$/m },
  { args: 'get configmaps --as NAME -n kube-system', says: /configmaps is forbidden: User "NAME" cannot list resource "configmaps" in API group "" in the namespace "kube-system"$/m, code: 1 },
  { args: 'auth can-i --list --as NAME', says: /^configmaps +\[\] +\[\] +\[get list\]$/m },
  { args: 'create clusterrole NAME --verb=get --resource=pods --non-resource-url=/metrics', says: /clusterrole\.rbac\.authorization\.k8s\.io\/NAME created/ },
  { args: 'create clusterrolebinding NAME --clusterrole=NAME --group=NAME', says: /clusterrolebinding\.rbac\.authorization\.k8s\.io\/NAME created/ },
  { args: 'auth can-i get /metrics --as x --as-group NAME', says: /^yes$/m },
  { args: 'auth reconcile -f -', input: { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'NAME' }, rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['get'] }] }, says: /clusterrole\.rbac\.authorization\.k8s\.io\/NAME reconciled/ },
  { args: 'auth can-i get nodes --as x --as-group NAME', says: /^(Warning: .*\n)?yes$/m },
  { args: 'create clusterrolebinding NAME-more --clusterrole=cluster-admin --user=x --as NAME', says: /clusterrolebindings\.rbac\.authorization\.k8s\.io is forbidden/, code: 1 },
  { args: 'get clusterrole view -o jsonpath={.rules[*].resources}', says: /"pods\/log"/ },
  { args: 'create deployment NAME-scaled --image=localhost/busybox --replicas=0', says: /deployment\.apps\/NAME-scaled created/ },
  { args: 'autoscale deployment NAME-scaled --max=3 --cpu-percent=60', says: /horizontalpodautoscaler\.autoscaling\/NAME-scaled autoscaled/ },
  { args: 'get hpa NAME-scaled', says: /^NAME-scaled +Deployment\/NAME-scaled +(cpu: )?<unknown>\/60% +1 +3 +0 /m },
  { args: 'get horizontalpodautoscalers.v1.autoscaling NAME-scaled -o jsonpath={.apiVersion}:{.spec.targetCPUUtilizationPercentage}', says: /^autoscaling\/v1:60$/ },
  { args: 'describe hpa NAME-scaled', says: /resource cpu on pods +\(as a percentage of request\): +<unknown> \/ 60%/ },
  { args: 'delete deployment,hpa NAME-scaled', says: /horizontalpodautoscaler\.autoscaling "NAME-scaled" deleted/ },
  { args: 'create -f -', input: { apiVersion: 'extensions/v1beta1', kind: 'Ingress', metadata: { name: 'NAME-old' }, spec: { backend: { serviceName: 'x', servicePort: 80 } } }, says: /ingress\S* *\/?NAME-old created|NAME-old created/ },
  { args: 'get ingress NAME-old -o jsonpath={.apiVersion}:{.spec.defaultBackend.service.port.number}', says: /^networking\.k8s\.io\/v1:80$/ },
  { args: 'delete ingress NAME-old', says: /NAME-old" deleted/ },
  { args: 'get componentstatuses', says: /^scheduler +Healthy +ok *\ncontroller-manager +Healthy +ok *\netcd-0 +Healthy +ok *\n[^]*Warning: v1 ComponentStatus is deprecated in v1\.19\+$/m },
  { args: 'apply -f -', input: olderDefinition, says: /customresourcedefinition\.apiextensions\.k8s\.io\/olds-NAME\.example\.com created\n[^]*Warning: apiextensions\.k8s\.io\/v1beta1 CustomResourceDefinition is deprecated in v1\.16\+, unavailable in v1\.22\+; use apiextensions\.k8s\.io\/v1 CustomResourceDefinition$/m },
  { args: 'wait --for=condition=Established crd olds-NAME.example.com', says: /condition met/ },
  { args: 'wait --for=condition=NonStructuralSchema crd olds-NAME.example.com', says: /condition met/ },
  { args: 'apply -f -', input: { apiVersion: 'example.com/v1', kind: 'OldNAME', metadata: { name: 'one', namespace: 'default' }, spec: { size: 3, unheard: { of: true } } }, says: /\/one created/ },
  { args: 'get olds-NAME', says: /^[A-Z]+ +SIZE\none +3$/m },
  { args: 'get olds-NAME one -o jsonpath={.spec.unheard.of}', says: /^true$/ },
  { args: 'delete crd olds-NAME.example.com', says: /olds-NAME\.example\.com" deleted/ },
  { args: 'delete clusterrole,clusterrolebinding NAME', says: /clusterrole\.rbac\.authorization\.k8s\.io "NAME" deleted/ },
  { args: 'delete role,rolebinding NAME', says: /role\.rbac\.authorization\.k8s\.io "NAME" deleted/ },
  { args: 'api-resources --api-group=metrics.k8s.io', says: /^nodes +(metrics\.k8s\.io\/v1beta1 +)?false +NodeMetrics$/m },
  { args: 'api-versions', says: /^events\.k8s\.io\/v1\n(.*\n)*metrics\.k8s\.io\/v1beta1$/m },
  { args: 'get --raw /apis/authorization.k8s.io/v1', says: /"name":"selfsubjectaccessreviews".*"verbs":\["create"\]/ },
  { args: 'create -f -', input: policy('NAME', 80), says: /networkpolicy\.networking\.k8s\.io\/NAME created/ },
  { args: 'get netpol NAME', says: /^[A-Z]+ +POD-SELECTOR +AGE\nNAME +app=web +\S+$/m },
  { args: 'describe networkpolicy NAME', says: /^ +PodSelector: +app=web\n +Allowing ingress traffic:\n +To Port: 80\/TCP\n +From:\n +NamespaceSelector: team=a\n(.*\n)* +Policy Types: Ingress$/m },
  { args: 'create -f -', input: policy('wrong', 0), says: /spec\.ingress\[0\]\.ports\[0\]\.port: Invalid value: 0: must be between 1 and 65535, inclusive/, code: 1 },
  { args: 'explain networkpolicy.spec.ingress.from.ipBlock', says: /^ +cidr\s/m },
  { args: 'delete netpol NAME', says: /networkpolicy\.networking\.k8s\.io "NAME" deleted/ },
  { args: 'explain pod.spec --recursive', says: /^ +terminationGracePeriodSeconds/m },
  { args: 'create -f -', input: { apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name: 'NAME', namespace: 'default' }, eventTime: '2026-01-01T00:00:00.000000Z', reportingController: 'example.com/x', reportingInstance: 'i', action: 'Looked', reason: 'Seen', type: 'Normal', note: 'first', regarding: { kind: 'Pod', namespace: 'default', name: 'NAME' } }, says: /event\.events\.k8s\.io\/NAME created/ },
  { args: 'patch events.events.k8s.io NAME --type=merge -p {"note":"second"}', says: /patched/ },
  { args: 'get event NAME -o jsonpath={.message}|{.involvedObject.name}|{.reportingComponent}', says: /^second\|NAME\|example\.com\/x$/ },
  { args: 'get events.events.k8s.io --field-selector regarding.name=NAME,reason=Seen -o jsonpath={.items[*].note}', says: /^second$/ },
  { args: 'get events.events.k8s.io --field-selector regarding.name=NAME,reason=Seen', says: /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n\S+ +Normal +Seen +pod\/NAME +second$/m },
  { args: 'create -f -', input: { apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name: 'untimed', namespace: 'default' }, reason: 'x' }, says: /eventTime: Required value|missing required field "eventTime"/, code: 1 },
  { args: 'events --for pod/shown', says: /Normal +Started +Pod\/shown/, only: '1.36' },
  { args: 'describe pod shown', says: /^Name: +shown\n(.*\n)*Status: +Running\n(.*\n)*QoS Class: +BestEffort\n(.*\n)*Events:\n(.*\n)* +Normal +Scheduled .*Successfully assigned default\/shown to/m },
  { args: 'describe node', says: /^Capacity:\n(.*\n)*Non-terminated Pods: +\(1 in total\)\n(.*\n)*Allocated resources:\n/m },
  { args: 'get pod shown -o custom-columns=N:.metadata.name,I:.spec.containers[*].image', says: /^N +I\nshown +localhost\/busybox$/m },
  { args: 'get pod shown -o wide', says: /^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES\nshown +1\/1 +Running +0 /m },
  { args: 'wait pod/shown --for=condition=Ready --timeout=10s', says: /pod\/shown condition met/ },
  { args: 'wait pod/shown --for=jsonpath={.status.phase}=Running --timeout=10s', says: /pod\/shown condition met/, only: '1.36' },
  { args: 'expose pod shown --name=NAME --port=80', says: /service\/NAME exposed/ },
  { args: 'delete service NAME', says: /service "NAME" deleted/ },
  { args: 'create -f -', input: map('NAME', { a: '1' }), says: /configmap\/NAME created/ },
  { args: 'diff -f -', input: map('NAME', { a: '2' }), says: /^-  a: "1"\n\+  a: "2"$/m, code: 1 },
  { args: 'replace --force -f -', input: map('NAME', { a: '3' }), says: /configmap "NAME" deleted(.*\n)+configmap\/NAME replaced/ },
  { args: 'label configmap NAME tier=back', says: /configmap\/NAME labeled/ },
  { args: 'annotate configmap NAME tier=back', says: /configmap\/NAME annotated/ },
  { args: 'edit configmap NAME', env: editor('s/a: "3"/a: "4"/'), says: /configmap\/NAME edited/ },
  { args: 'edit configmap NAME', env: editor(''), says: /Edit cancelled, no changes made/ },
  { args: 'get configmap NAME -o jsonpath={.data.a}', says: /^4$/ },
  { args: 'replace -f -', input: map('NAME', { a: '5' }), says: /configmap\/NAME replaced/ },
  { args: 'replace -f -', input: { ...map('NAME', {}), metadata: { name: 'NAME', namespace: 'default', resourceVersion: '1' } }, says: /Operation cannot be fulfilled on configmaps "NAME": the object has been modified; please apply your changes to the latest version and try again/, code: 1 },
  { args: 'replace -f -', input: map('NAME-none', {}), says: /configmaps "NAME-none" not found/, code: 1 },
  { args: 'apply -f -', input: map('NAME-applied', { a: '1' }), says: /configmap\/NAME-applied created/ },
  { args: 'apply view-last-applied configmap NAME-applied', says: /^data:\n  a: "1"$/m },
  { args: 'apply --server-side --field-manager=one -f -', input: map('NAME-applied', { a: '1' }), says: /configmap\/NAME-applied serverside-applied/ },
  { args: 'apply --server-side --field-manager=two -f -', input: map('NAME-applied', { a: '2' }), says: /Apply failed with \d conflicts?: /, code: 1 },
  { args: 'diff --server-side --force-conflicts -f -', input: map('NAME-applied', { a: '2' }), says: /^-  a: "1"\n\+  a: "2"$/m, code: 1 },
  { args: 'apply --server-side --field-manager=two --force-conflicts -f -', input: map('NAME-applied', { a: '2' }), says: /serverside-applied/ },
  { args: 'get configmap NAME-applied -o jsonpath={.data.a}', says: /^2$/ },
  { args: 'apply -f -', input: list(labelled('NAME-kept'), labelled('NAME-pruned')), says: /configmap\/NAME-kept created\nconfigmap\/NAME-pruned created/ },
  { args: 'apply --prune -l part=NAME -f -', input: labelled('NAME-kept'), says: /configmap\/NAME-kept unchanged\n(.*\n)*configmap\/NAME-pruned pruned/ },
  { args: 'get configmaps -l part=NAME -o name', says: /^configmap\/NAME-kept\n$/ },
  { args: 'wait --for=delete configmap/NAME-pruned --timeout=10s', says: /^$/, only: '1.36' },
  { args: 'delete configmaps -l part=NAME', says: /configmap "NAME-kept" deleted/ },
  { args: 'apply -k FOLDER', says: /configmap\/NAME-made-\w{10} created\n(.*\n)*deployment\.apps\/NAME-more created/ },
  { args: 'diff -k FOLDER', says: /^$/ },
  { args: 'get deployment NAME-more -o jsonpath={.spec.template.spec.volumes[0].configMap.name}', says: /^NAME-made-\w{10}$/ },
  { args: 'delete -k FOLDER', says: /deployment\.apps "NAME-more" deleted/ },
  { args: 'delete configmap NAME-applied', says: /deleted/ },
  { args: 'delete configmap NAME', says: /configmap "NAME" deleted/ },
  { args: 'create deployment NAME --image=localhost/busybox --replicas=0', says: /deployment\.apps\/NAME created/ },
  { args: 'rollout status deployment/NAME --timeout=20s', says: /deployment "NAME" successfully rolled out/ },
  { args: 'rollout restart deployment/NAME', says: /deployment\.apps\/NAME restarted/ },
  { args: 'rollout status deployment/NAME --timeout=20s', says: /successfully rolled out/ },
  { args: 'rollout history deployment/NAME', says: /^1 +<none>\n2 +<none>$/m },
  { args: 'rollout undo deployment/NAME', says: /deployment\.apps\/NAME rolled back/ },
  { args: 'edit deployment NAME', env: editor('s/^  replicas: 0/&\\n  minReadySeconds: 3/'), says: /deployment\.apps\/NAME edited/ },
  { args: 'edit deployment NAME', env: editor('s/^  replicas: 0/  replicas: -1/'), says: /deployments\.apps "NAME" is invalid\n/, code: 1 },
  { args: 'scale deployment NAME --current-replicas=7 --replicas=1', says: /Expected replicas to be 7, was 0/, code: 1 },
  { args: 'scale deployment NAME --current-replicas=0 --replicas=0', says: /deployment\.apps\/NAME scaled/ },
  { args: 'set image deployment/NAME busybox=localhost/busybox:2', says: /deployment\.apps\/NAME image updated/ },
  { args: 'set image deployment/NAME none=localhost/busybox:2', says: /unable to find container named "none"/, code: 1 },
  { args: 'set env deployment/NAME GREETING=Hello', says: /deployment\.apps\/NAME env updated/ },
  { args: 'set env deployment/NAME --list', says: /^GREETING=Hello$/m },
  { args: 'set resources deployment NAME --limits=cpu=200m,memory=64Mi --requests=cpu=100m', says: /deployment\.apps\/NAME resource requirements updated/ },
  { args: 'set resources deployment NAME --limits=cpu=-1', says: /spec\.template\.spec\.containers\[0\]\.resources\.limits\[cpu\]: Invalid value: "-1": must be greater than or equal to 0/, code: 1 },
  { args: 'set serviceaccount deployment NAME other', says: /deployment\.apps\/NAME serviceaccount updated/ },
  { args: 'get deployment NAME -o jsonpath={.spec.minReadySeconds}|{.spec.template.spec.containers[0].image}|{.spec.template.spec.containers[0].resources.limits.memory}|{.spec.template.spec.serviceAccountName}', says: /^3\|localhost\/busybox:2\|64Mi\|other$/ },
  { args: 'get deployment NAME --subresource=scale', says: /^NAME +DESIRED +AVAILABLE +AGE\nNAME +0 +0 +\S+$/m, only: '1.36' },
  { args: 'patch deployment NAME --subresource=scale --type=merge -p {"spec":{"replicas":0}}', says: /scale\.autoscaling\/NAME patched/, only: '1.36' },
  { args: 'get deployment NAME --subresource=status -o jsonpath={.kind}', says: /^Deployment$/, only: '1.36' },
  { args: 'rollout pause deployment/NAME', says: /deployment\.apps\/NAME paused/ },
  { args: 'rollout pause deployment/NAME', says: /is already paused/, code: 1 },
  { args: 'rollout restart deployment/NAME', says: /can't restart paused deployment/, code: 1 },
  { args: 'rollout undo deployment/NAME', says: /you cannot rollback a paused deployment/, code: 1 },
  { args: 'rollout resume deployment/NAME', says: /deployment\.apps\/NAME resumed/ },
  { args: 'rollout status deployment/NAME --timeout=20s', says: /successfully rolled out/ },
  { args: 'rollout history deployment/NAME --revision=2', says: /deployment\.apps\/NAME with revision #2\nPod Template:\n  Labels:\tapp=NAME\n/ },
  { args: 'get deployment NAME --watch --output-watch-events --request-timeout=1s', says: /^EVENT +NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nADDED +NAME +0\/0 /m },
  { args: 'create service clusterip NAME --tcp=80:80', says: /service\/NAME created/ },
  { args: 'set selector service NAME color=green', says: /service\/NAME selector updated/ },
  { args: 'get service NAME -o jsonpath={.spec.selector}', says: /^{"color":"green"}$/ },
  { args: 'delete service NAME', says: /service "NAME" deleted/ },
  { args: 'create rolebinding NAME --clusterrole=view --user=first', says: /created/ },
  { args: 'set subject rolebinding NAME --user=second --group=more', says: /rolebinding\.rbac\.authorization\.k8s\.io\/NAME subjects updated/ },
  { args: 'get rolebinding NAME -o jsonpath={.subjects[*].name}', says: /^first second more$/ },
  { args: 'delete rolebinding NAME', says: /deleted/ },
  { args: 'get clusterroles --chunk-size=5 -o name', says: /^(clusterrole\.rbac\.authorization\.k8s\.io\/\S+\n){20,}$/ },
  { args: 'get pods --field-selector status.phase=Running,metadata.name=shown,spec.restartPolicy!=Never -o name', says: /^pod\/shown$/m },
  { args: 'get pods --field-selector nosuch=1', says: /Unable to find "\/v1, Resource=pods" that match label selector "", field selector "nosuch=1": field label not supported: nosuch/, code: 1 },
  { args: 'create -f -', input: csr('NAME-good'), says: /NAME-good created/ },
  { args: 'certificate approve NAME-good', says: /certificatesigningrequest\.certificates\.k8s\.io\/NAME-good approved/ },
  { args: 'wait csr/NAME-good --for=condition=Approved --timeout=10s', says: /condition met/ },
  { args: 'create -f -', input: csr('NAME-bad'), says: /NAME-bad created/ },
  { args: 'certificate deny NAME-bad', says: /NAME-bad denied/ },
  { args: 'get csr NAME-bad', says: /^NAME-bad +\S+ +kubernetes\.io\/kube-apiserver-client +kubernetes-admin +<none> +Denied$/m },
  { args: 'delete csr NAME-good NAME-bad', says: /deleted/ },
  { args: 'cluster-info dump --output-directory=FOLDER', says: /Cluster info dumped to / },
  { args: 'cluster-info dump', says: /"kind": "(NodeList|PodList)"(.*\n)*==== START logs for container c0 of pod default\/shown ====/ },
  { args: 'explain deployment --recursive', says: /^ +strategy\s(.*\n)* +rollingUpdate\s(.*\n)* +maxSurge\s/m },
  { args: 'delete deployment NAME', says: /deployment\.apps "NAME" deleted/ },
  { args: 'cordon -l kubernetes.io/os=linux', says: /node\/\S+ cordoned/ },
  { args: 'get nodes', says: / Ready,SchedulingDisabled / },
  { args: 'uncordon -l kubernetes.io/os=linux', says: /node\/\S+ uncordoned/ },
  { args: 'taint nodes --all NAME=x:PreferNoSchedule', says: /node\/\S+ tainted/ },
  { args: 'taint nodes --all NAME-', says: /node\/\S+ untainted/ },
];

let house: RealCluster;
before(async () => {
  house = await startRealCluster();
  const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify(pod('shown', [{}], { terminationGracePeriodSeconds: 1 }, { app: 'shown' })) });
  assert.equal(made.code, 0, made.stderr);
  await house.untilReady('shown');
});
after(() => house?.[Symbol.asyncDispose]());

for (const version of ['1.20', '1.36'] as const) {
  describe(`kubectl ${version} shows`, () => {
    const name = `shown-by-${version.replace('.', '-')}`;
    const named = (text: string) => text.replaceAll('NAME', name);
    before(() => {
      const folder = join(house.dataDir, name);
      mkdirSync(folder);
      writeFileSync(join(folder, 'deployment.json'), JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'more' }, spec: { replicas: 0, selector: { matchLabels: { app: 'x' } }, template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'localhost/busybox' }], volumes: [{ name: 'v', configMap: { name: 'made' } }] } } } }));
      writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify({ namePrefix: `${name}-`, resources: ['deployment.json'], configMapGenerator: [{ name: 'made', literals: ['a=b'] }] }));
    });
    const inFolder = (text: string) => named(text).replaceAll('FOLDER', join(house.dataDir, name));
    for (const { args, says, input, code = 0, env = {} } of table.filter(({ only = version }) => only === version)) {
      test(`${args}${input ? ` (${(input as { kind: string }).kind})` : ''}${Object.values(env).map((value) => ` (${value})`).join('')}`, async () => {
        // A table's own heading is in capitals too.
        const ran = await house.tryKubectl(inFolder(args).split(' '), { version, env, ...(input ? { input: named(JSON.stringify(input)) } : {}) });
        assert.match(ran.stdout + ran.stderr, new RegExp(says.source.replaceAll(/NAME(?! \+(READY|DESIRED))/g, name), says.flags), `${ran.stdout}${ran.stderr}`);
        assert.equal(ran.code, code, ran.stderr);
      });
    }
  });
}
