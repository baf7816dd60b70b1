"""What programs do with Debian's python3-kubernetes. Each step says its name; the first that fails ends it all."""
import datetime
import json
import sys
import threading

from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock

config.load_kube_config(sys.argv[1])
core, apps, extensions, objects = client.CoreV1Api(), client.AppsV1Api(), client.ApiextensionsV1Api(), client.CustomObjectsApi()


def refused(code, reason, call, *args, **named):
    try:
        call(*args, **named)
    except ApiException as error:
        assert error.status == code and '"reason":"%s"' % reason in error.body, (error.status, error.body)
        return
    raise AssertionError("not refused: %s" % reason)


def step(name):
    print(name, flush=True)


made = core.create_namespaced_config_map("default", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="made"), data={"a": "1"}))
assert isinstance(made.metadata.creation_timestamp, datetime.datetime)
refused(409, "AlreadyExists", core.create_namespaced_config_map, "default", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="made")))
stale = core.read_namespaced_config_map("made", "default")
made.data["a"] = "2"
core.replace_namespaced_config_map("made", "default", made)
refused(409, "Conflict", core.replace_namespaced_config_map, "made", "default", stale)
refused(404, "NotFound", core.read_namespaced_config_map, "none", "default")
refused(422, "Invalid", core.create_namespaced_config_map, "default", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="Bad_")))
step("objects are made, read and replaced; what is wrong is refused")

assert core.patch_namespaced_config_map("made", "default", {"data": {"b": "3"}}).data == {"a": "2", "b": "3"}
assert core.patch_namespaced_config_map("made", "default", [{"op": "remove", "path": "/data/b"}]).data == {"a": "2"}
step("strategic merge and JSON patches")

for number in range(5):
    core.create_namespaced_secret("default", client.V1Secret(metadata=client.V1ObjectMeta(name="s%d" % number, labels={"listed": "yes"}), string_data={"k": "v"}))
page = core.list_namespaced_secret("default", label_selector="listed=yes", limit=2)
names = [item.metadata.name for item in page.items]
while page.metadata._continue:
    page = core.list_namespaced_secret("default", label_selector="listed=yes", limit=2, _continue=page.metadata._continue)
    names += [item.metadata.name for item in page.items]
assert names == ["s0", "s1", "s2", "s3", "s4"], names
assert core.read_namespaced_secret("s0", "default").data == {"k": "dg=="}
step("lists in chunks")

seen = []
since = core.list_namespaced_config_map("default").metadata.resource_version
core.create_namespaced_config_map("default", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="watched")))
core.patch_namespaced_config_map("watched", "default", {"data": {"x": "1"}})
follower = watch.Watch()
for event in follower.stream(core.list_namespaced_config_map, "default", resource_version=since, timeout_seconds=20):
    seen.append((event["type"], event["object"].metadata.name))
    since = event["object"].metadata.resource_version
    if len(seen) == 2:
        follower.stop()
core.delete_namespaced_config_map("watched", "default")
for event in watch.Watch().stream(core.list_namespaced_config_map, "default", resource_version=since, timeout_seconds=20):
    seen.append((event["type"], event["object"].metadata.name))
    break
assert seen == [("ADDED", "watched"), ("MODIFIED", "watched"), ("DELETED", "watched")], seen
step("a watch, and another that takes it up")

labels = {"app": "web"}
pods = client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(containers=[client.V1Container(name="c", image="localhost/x")]))
apps.create_namespaced_deployment("default", client.V1Deployment(metadata=client.V1ObjectMeta(name="web"), spec=client.V1DeploymentSpec(replicas=2, selector=client.V1LabelSelector(match_labels=labels), template=pods)))
for event in watch.Watch().stream(apps.list_namespaced_deployment, "default", timeout_seconds=30):
    if event["object"].status.ready_replicas == 2:
        break
assert len(core.list_namespaced_pod("default", label_selector="app=web", field_selector="status.phase=Running").items) == 2
scale = apps.read_namespaced_deployment_scale("web", "default")
scale.spec.replicas = 0
assert apps.replace_namespaced_deployment_scale("web", "default", scale).spec.replicas == 0
apps.delete_namespaced_deployment("web", "default", propagation_policy="Foreground")
step("a Deployment becomes ready, is scaled and deleted")

schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 1, "maximum": 9}}}}}
names = client.V1CustomResourceDefinitionNames(plural="boxes", kind="Box")
version = client.V1CustomResourceDefinitionVersion(name="v1", served=True, storage=True, schema=client.V1CustomResourceValidation(open_apiv3_schema=schema))
extensions.create_custom_resource_definition(client.V1CustomResourceDefinition(metadata=client.V1ObjectMeta(name="boxes.example.com"), spec=client.V1CustomResourceDefinitionSpec(group="example.com", scope="Namespaced", names=names, versions=[version])))
for event in watch.Watch().stream(extensions.list_custom_resource_definition, field_selector="metadata.name=boxes.example.com", timeout_seconds=20):
    if any(condition.type == "Established" and condition.status == "True" for condition in event["object"].status.conditions or []):
        break
where = ("example.com", "v1", "default", "boxes")
box = objects.create_namespaced_custom_object(*where, {"apiVersion": "example.com/v1", "kind": "Box", "metadata": {"name": "b"}, "spec": {}})
assert box["spec"] == {"size": 1}
refused(422, "Invalid", objects.patch_namespaced_custom_object, *where, "b", {"spec": {"size": 10}})
assert objects.patch_namespaced_custom_object(*where, "b", {"spec": {"size": 9}})["spec"]["size"] == 9
step("custom objects")

any_kind = dynamic.DynamicClient(client.ApiClient())
boxes = any_kind.resources.get(api_version="example.com/v1", kind="Box")
assert boxes.get(name="b", namespace="default").spec.size == 9
maps = any_kind.resources.get(api_version="v1", kind="ConfigMap")
applied = any_kind.request("patch", "/api/v1/namespaces/default/configmaps/applied?fieldManager=python", body=json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"k": "v"}}), header_params={}, content_type="application/apply-patch+yaml")
assert applied.metadata.managedFields[0].manager == "python", applied
assert "applied" in [item.metadata.name for item in maps.get(namespace="default").items]
boxes.delete(name="b", namespace="default")
refused(404, "NotFound", objects.get_namespaced_custom_object, *where, "b")
step("the dynamic client, and an apply")

led = threading.Event()
election = electionconfig.Config(ConfigMapLock("lock", "default", "me"), lease_duration=17, renew_deadline=15, retry_period=1, onstarted_leading=led.set, onstopped_leading=None)
threading.Thread(target=leaderelection.LeaderElection(election).run, daemon=True).start()
assert led.wait(20)
assert '"holderIdentity": "me"' in core.read_namespaced_config_map("lock", "default").metadata.annotations["control-plane.alpha.kubernetes.io/leader"]
step("a leader is elected")
