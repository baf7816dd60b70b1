// Stock kubectl, old and new, against a whole cluster: what people type, and what it answers.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { example, startRealCluster, type KubectlVersion, type RealCluster } from '../support/real-cluster.ts';
import { pod } from '../support/manifests.ts';

let house: RealCluster;
before(async () => {
  house = await startRealCluster();
});
after(() => house?.[Symbol.asyncDispose]());

for (const version of ['1.20', '1.36'] as const satisfies readonly KubectlVersion[]) {
  describe(`kubectl ${version}`, () => {
    const suffix = version.replace('.', '-');
    const attempt = (args: readonly string[], input?: string | Buffer) => house.tryKubectl(args, { version, input });
    const run = async (...args: string[]) => {
      const ran = await attempt(args);
      assert.equal(ran.code, 0, `kubectl ${args.join(' ')}: ${ran.stderr}`);
      return ran.stdout;
    };

    test('finds the server, its version and its resources', async () => {
      assert.match(await run('version'), /v1\.36\.0\+peapod/);
      const resources = await run('api-resources');
      for (const line of [/^pods +po +v1 +true +Pod$/m, /^deployments +deploy +apps\/v1 +true +Deployment$/m, /^nodes +no +v1 +false +Node$/m]) assert.match(resources, line);
      assert.match(await run('api-versions'), /^apps\/v1$/m);
      assert.match(stripVTControlCharacters(await run('cluster-info')), /is running at https:\/\/127\.0\.0\.1:/);
    });

    test('explains fields from the schema', async () => {
      assert.match(await run('explain', 'pod.spec.containers.image'), /image/i);
      assert.match(await run('explain', 'deployment.spec.strategy.rollingUpdate'), /maxSurge/);
    });

    test('get nodes and namespaces print what Kubernetes prints', async () => {
      assert.match(await run('get', 'nodes'), /^NAME +STATUS +ROLES +AGE +VERSION$/m);
      assert.match(await run('get', 'nodes'), / Ready /);
      assert.match(await run('get', 'namespaces'), /^kube-system +Active/m);
      assert.match(await run('describe', 'node'), /Allocatable:/);
    });

    test('apply, then apply --server-side: whose the fields are, who conflicts with whom, and by force', async () => {
      const name = `owned-${suffix}`;
      const manifest = (value: string) => JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: value } });
      const owners = async () => (JSON.parse(await run('get', '--raw', `/api/v1/namespaces/default/configmaps/${name}`)).metadata.managedFields as any[]).map(({ manager, operation, fieldsV1 }) => `${manager} ${operation} ${Object.keys(fieldsV1['f:data'] ?? {}).filter((key) => key !== '.').join()}`).sort();
      const apply = (value: string, ...flags: string[]) => attempt(['apply', '-f', '-', ...flags], manifest(value));
      assert.equal((await apply('1')).code, 0);
      assert.deepEqual(await owners(), ['kubectl-client-side-apply Update f:a']);
      // What kubectl itself has applied so far is no conflict: the old one leaves it to the server's rule, the new one moves the book first.
      const turned = await apply('2', '--server-side');
      assert.equal(turned.code, 0, turned.stderr);
      assert.ok((await owners()).includes('kubectl Apply f:a'), String(await owners()));
      const other = await apply('3', '--server-side', '--field-manager=other');
      assert.equal(other.code, 1);
      assert.match(other.stderr, /Apply failed with 1 conflict: conflict with "kubectl": \.data\.a/);
      assert.equal((await apply('3', '--server-side', '--field-manager=other', '--force-conflicts')).code, 0);
      assert.ok((await owners()).includes('other Apply f:a') && !(await owners()).includes('kubectl Apply f:a'), String(await owners()));
      await run('delete', 'configmap', name);
    });

    test('create, label, annotate, patch by each type, apply, diff of nothing, delete', async () => {
      const name = `map-${suffix}`;
      await run('create', 'configmap', name, '--from-literal=a=1');
      await run('label', 'configmap', name, 'tier=front');
      await run('annotate', 'configmap', name, 'note=hello');
      await run('patch', 'configmap', name, '-p', '{"data":{"b":"2"}}');
      await run('patch', 'configmap', name, '--type=merge', '-p', '{"data":{"a":null}}');
      await run('patch', 'configmap', name, '--type=json', '-p', '[{"op":"add","path":"/data/c","value":"3"}]');
      assert.deepEqual(JSON.parse(await run('get', 'configmap', name, '-o', 'json')).data, { b: '2', c: '3' });
      assert.match(await run('get', 'configmaps', '-l', 'tier=front'), new RegExp(name));
      const manifest = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { b: 'two' } });
      assert.equal((await attempt(['apply', '-f', '-'], manifest)).code, 0);
      const again = await attempt(['apply', '-f', '-'], manifest);
      assert.match(again.stdout, /unchanged/);
      await run('delete', 'configmap', name);
      assert.match((await attempt(['get', 'configmap', name])).stderr, /NotFound/);
    });

    test('refuses what is wrong in Kubernetes’ words', async () => {
      const unknown = await attempt(['apply', '-f', '-'], JSON.stringify({ ...pod('wrong', [{}]), spec: { containers: [{ name: 'c', image: 'x' }], replicaz: 1 } }));
      assert.notEqual(unknown.code, 0);
      assert.match(unknown.stderr, /unknown field "(Pod\.)?(io\.k8s\.api\.core\.v1\.PodSpec\.replicaz|spec\.replicaz|replicaz)|unknown field/);
      const name = await attempt(['create', 'configmap', 'No_Good']);
      assert.match(name.stderr, /a lowercase RFC 1123 subdomain must consist of/);
      assert.match((await attempt(['get', 'nonsense'])).stderr, /the server doesn't have a resource type "nonsense"/);
    });

    test('Pod Security: a namespace that is strict refuses, warns of templates, and tells of the Pods it has', async () => {
      const name = `strict-${suffix}`;
      await run('create', 'namespace', name);
      const plain = JSON.stringify({ ...pod('plain', [{}]), metadata: { name: 'plain', namespace: name } });
      assert.equal((await attempt(['apply', '-f', '-'], plain)).code, 0);
      const label = await attempt(['label', 'namespace', name, 'pod-security.kubernetes.io/enforce=restricted']);
      const missing = 'allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile';
      assert.equal(label.stderr.trim(), `Warning: existing pods in namespace "${name}" violate the new PodSecurity enforce level "restricted:latest"\nWarning: plain: ${missing}`);
      const told =
        'violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "c0" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c0" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c0" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c0" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")';
      const refused = await attempt(['create', '-f', '-'], plain.replaceAll('plain', 'other'));
      assert.equal(refused.code, 1);
      assert.ok(refused.stderr.trim().endsWith(`pods "other" is forbidden: ${told.replace('violate', 'violates')}`), refused.stderr);
      const template = { metadata: { labels: { app: 'x' } }, spec: pod('x', [{}]).spec };
      const set = { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'set', namespace: name }, spec: { replicas: 0, selector: { matchLabels: { app: 'x' } }, template } };
      const warned = await attempt(['create', '-f', '-'], JSON.stringify(set));
      assert.deepEqual([warned.code, warned.stderr.trim()], [0, `Warning: would ${told}`]);
      const wrong = await attempt(['label', 'namespace', name, '--overwrite', 'pod-security.kubernetes.io/enforce=strict']);
      assert.match(wrong.stderr, /metadata\.labels\[pod-security\.kubernetes\.io\/enforce\]: Invalid value: "strict": must be one of privileged, baseline, restricted/);
      await run('delete', 'namespace', name, '--wait=false');
    });

    test('a Pod: apply, wait, logs, exec with standard input and exit code, cp, describe, delete', async () => {
      const name = `shell-${suffix}`;
      const applied = await attempt(['apply', '-f', '-'], JSON.stringify(pod(name, [{ command: ['sh', '-c', 'echo out; echo err >&2; trap "exit 0" TERM; sleep 3600 & wait $!'] }])));
      assert.equal(applied.code, 0, applied.stderr);
      await run('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s');
      assert.deepEqual((await run('logs', name)).trim().split('\n').sort(), ['err', 'out']);
      assert.equal((await run('logs', name, '--tail=1')).trim().split('\n').length, 1);
      assert.match(await run('logs', name, '--timestamps'), /^20\d\d-.*Z (out|err)$/m);
      assert.equal((await attempt(['exec', '-i', name, '--', 'cat'], 'through the pipe')).stdout, 'through the pipe');
      assert.equal((await attempt(['exec', name, '--', 'sh', '-c', 'exit 7'])).code, 7);
      const both = await attempt(['exec', name, '--', 'sh', '-c', 'echo o; echo e >&2']);
      assert.equal(both.stdout, 'o\n');
      assert.match(both.stderr, /e\n/);
      const bytes = randomBytes(5_000_000);
      const sum = await attempt(['exec', '-i', name, '--', 'sha256sum'], bytes);
      assert.match(sum.stdout, new RegExp(`^${createHash('sha256').update(bytes).digest('hex')}`));
      assert.match(await run('get', 'pod', name, '-o', 'wide'), / Running .* \d+\.\d+\.\d+\.\d+ /);
      assert.match(await run('describe', 'pod', name), /Started container c0|Container started|Started/);
      const policy = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy', metadata: { name: `exec-${suffix}` }, spec: { matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CONNECT'], resources: ['pods/exec'] }] }, matchConditions: [{ name: 'here', expression: `request.name == '${name}'` }], validations: [{ expression: "object.command[0] != 'sh'", message: 'no shells' }] } };
      const binding = { apiVersion: policy.apiVersion, kind: 'ValidatingAdmissionPolicyBinding', metadata: policy.metadata, spec: { policyName: policy.metadata.name, validationActions: ['Deny'] } };
      const bound = await attempt(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [policy, binding] }));
      assert.equal(bound.code, 0, bound.stderr);
      const refused = await attempt(['exec', name, '--', 'sh', '-c', 'echo > /ran']);
      assert.match(refused.stderr, /denied request: no shells/);
      assert.equal((await attempt(['exec', name, '--', 'cat', '/dev/null'])).code, 0);
      assert.match((await attempt(['exec', name, '--', 'cat', '/ran'])).stderr, /No such file/, 'it has not run');
      await run('delete', `validatingadmissionpolicy/exec-${suffix}`, `validatingadmissionpolicybinding/exec-${suffix}`);
      await run('delete', 'pod', name);
    });

    test('a Deployment: apply, roll out, scale, undo, delete with its Pods', async () => {
      await run('apply', '-f', example('deployment.yaml'));
      await run('rollout', 'status', 'deployment/web', '--timeout=90s');
      assert.match(await run('get', 'deployment', 'web'), /^web +3\/3 +3 +3 /m);
      await run('set', 'env', 'deployment/web', 'GREETING=Welcome');
      await run('rollout', 'status', 'deployment/web', '--timeout=90s');
      assert.match(await run('rollout', 'history', 'deployment/web'), /^2 /m);
      const [address] = (await run('get', 'endpoints', 'web', '-o', 'jsonpath={.subsets[0].addresses[*].ip}')).split(' ');
      assert.match(await (await fetch(`http://${address}:8080/`)).text(), /^Welcome from web-/);
      await run('rollout', 'undo', 'deployment/web');
      await run('rollout', 'status', 'deployment/web', '--timeout=90s');
      assert.equal(JSON.parse(await run('get', 'deployment', 'web', '-o', 'json')).spec.template.spec.containers[0].env[0].value, 'Hello');
      await run('scale', 'deployment', 'web', '--replicas=1');
      await run('rollout', 'status', 'deployment/web', '--timeout=90s');
      await run('delete', '-f', example('deployment.yaml'));
      await run('wait', '--for=delete', 'pod', '-l', 'app=web', '--timeout=60s').catch(() => {});
      assert.equal((await run('get', 'pods', '-l', 'app=web', '-o', 'name')), '');
    });

    test('a namespace takes all that is in it along', async () => {
      const name = `short-lived-${suffix}`;
      await run('create', 'namespace', name);
      await run('-n', name, 'create', 'secret', 'generic', 's', '--from-literal=k=v');
      assert.equal((await attempt(['-n', name, 'apply', '-f', '-'], JSON.stringify({ ...pod('inside', [{}]), metadata: { name: 'inside' } }))).code, 0);
      await run('delete', 'namespace', name, '--timeout=60s');
      assert.match((await attempt(['get', 'namespace', name])).stderr, /NotFound/);
    });
  });
}
