"""Kubernetes manifests as Kubernetes would take them: rendered, and compared with its schemas.

The renderer knows what the kustomizations here use and refuses anything else; where kubectl can render
them too, a test compares the two. The schemas are those of Debian's python3-kubernetes, which is
generated from Kubernetes' own description of its API.
"""

import copy
import os
import re

import kubernetes.client as models
import yaml

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KUBERNETES = os.path.join(TOP, "deploy", "kubernetes")
DEPTH_MAX = 40
KNOWN = {"apiVersion", "kind", "namespace", "resources", "configMapGenerator", "patches"}
MODELS = {"NetworkPolicy": "V1NetworkPolicy", "StatefulSet": "V1StatefulSet",
          "Service": "V1Service", "Namespace": "V1Namespace", "ConfigMap": "V1ConfigMap",
          "ServiceAccount": "V1ServiceAccount", "PodDisruptionBudget": "V1PodDisruptionBudget"}
SIMPLE = {"str": str, "int": int, "bool": bool, "float": (int, float), "datetime": str}


def documents(path):
    with open(path, encoding="utf-8") as file:
        return [one for one in yaml.safe_load_all(file) if one]


def merge(base, patch):
    """A strategic merge as far as our patches go: maps are merged, null removes, lists are not patched."""
    for key, value in patch.items():
        if value is None:
            base.pop(key, None)
        elif isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        elif isinstance(value, list):
            raise ValueError(f"{key}: a patch of a list")
        else:
            base[key] = value


def config_map(generator):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generator["name"]},
            "data": dict(one.split("=", 1) for one in generator["literals"])}


def render(directory):
    """The objects of a kustomization."""
    custom = documents(os.path.join(directory, "kustomization.yaml"))[0]
    unknown = set(custom) - KNOWN
    if unknown:
        raise ValueError(f"{directory}: {unknown} is not rendered here")
    objects = []
    for name in custom["resources"]:
        path = os.path.normpath(os.path.join(directory, name))
        objects += render(path) if os.path.isdir(path) else documents(path)
    objects += [config_map(one) for one in custom.get("configMapGenerator", [])]
    for patch in custom.get("patches", []):
        for wanted in documents(os.path.join(directory, patch["path"])):
            target = next(one for one in objects if one["kind"] == wanted["kind"]
                          and one["metadata"]["name"] == wanted["metadata"]["name"])
            merge(target, copy.deepcopy(wanted))
    for one in objects:
        if one["kind"] != "Namespace":
            one["metadata"]["namespace"] = custom["namespace"]
    return objects


def faults(value, model, where="", depth=0):
    """What in a value contradicts the type of this name: a list of sentences."""
    if depth > DEPTH_MAX:
        return [f"{where}: nested too deeply"]
    if model == "object":
        return []
    if model in SIMPLE:
        good = isinstance(value, SIMPLE[model]) and not (model != "bool" and value in (True, False)
                                                         and isinstance(value, bool))
        return [] if good else [f"{where}: {value!r} is no {model}"]
    inner = re.match(r"(list|dict)(?:\[|\(str, )(.*)[\])]$", model)
    if inner:
        if not isinstance(value, list if inner.group(1) == "list" else dict):
            return [f"{where}: {value!r} is no {inner.group(1)}"]
        parts = enumerate(value) if inner.group(1) == "list" else value.items()
        return [one for key, part in parts
                for one in faults(part, inner.group(2), f"{where}[{key}]", depth + 1)]
    return faults_of_object(value, getattr(models, model), where, depth)


def faults_of_object(value, model, where, depth):
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no {model.__name__}"]
    names = {shown: name for name, shown in model.attribute_map.items()}
    found = [f"{where}.{key}: {model.__name__} has no such field" for key in value
             if key not in names]
    for key in set(value) & set(names):
        found += faults(value[key], model.openapi_types[names[key]], f"{where}.{key}", depth + 1)
    settings = {names[key]: value[key] for key in value if key in names}
    try:
        model(**settings)  # complains about what is required and missing
    except ValueError as why:
        found.append(f"{where}: {why}")
    return found
