// What stock kubectl, old and new, shows and answers: one line of the table for each thing that people type.
import assert from 'node:assert/strict';
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
}

const map = (name: string, data: object) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data });
const policy = (name: string, port: number) => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace: 'default' }, spec: { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'a' } } }], ports: [{ port }] }] } });

/** In this order; `NAME` is one for each version. */
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
  { args: 'delete configmap NAME', says: /configmap "NAME" deleted/ },
  { args: 'create deployment NAME --image=localhost/busybox --replicas=0', says: /deployment\.apps\/NAME created/ },
  { args: 'rollout status deployment/NAME --timeout=20s', says: /deployment "NAME" successfully rolled out/ },
  { args: 'rollout restart deployment/NAME', says: /deployment\.apps\/NAME restarted/ },
  { args: 'rollout status deployment/NAME --timeout=20s', says: /successfully rolled out/ },
  { args: 'rollout history deployment/NAME', says: /^1 +<none>\n2 +<none>$/m },
  { args: 'rollout undo deployment/NAME', says: /deployment\.apps\/NAME rolled back/ },
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
    for (const { args, says, input, code = 0 } of table.filter(({ only = version }) => only === version)) {
      test(`${args}${input ? ` (${(input as { kind: string }).kind})` : ''}`, async () => {
        // A table's own heading is in capitals too.
        const ran = await house.tryKubectl(named(args).split(' '), { version, ...(input ? { input: named(JSON.stringify(input)) } : {}) });
        assert.match(ran.stdout + ran.stderr, new RegExp(says.source.replaceAll(/NAME(?! \+READY)/g, name), says.flags), `${ran.stdout}${ran.stderr}`);
        assert.equal(ran.code, code, ran.stderr);
      });
    }
  });
}
