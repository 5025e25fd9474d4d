#!/usr/bin/env python3
"""Does the registry API at AFTERCARE_REGISTRY_URL serve Confluent's Python client in all its ways? Needs no
Kafka. Serialises one upload in each way, reads it back, and prints per way one line of JSON with the bytes
(and the schema header, where there is one) in hexadecimal. Ends with exit code 1 at the first surprise.
"""

import json
import os
import sys

from confluent_kafka.schema_registry import (
    Schema,
    SchemaRegistryClient,
    SchemaRegistryError,
    header_schema_id_serializer,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from produce_upload import newest_schema, upload

VALUE_HEADER = "__value_schema_id"


def ways(text):
    """Name, schema given to the serializer, its settings."""
    without_docs = json.dumps(without(json.loads(text), "doc", "unit", "example"))
    return [
        ("register", text, {}),
        ("register, normalized", text, {"normalize.schemas": True}),
        ("register, without documentation", without_docs, {}),
        ("look up", text, {"auto.register.schemas": False}),
        ("latest", None, {"auto.register.schemas": False, "use.latest.version": True}),
        ("header", text, {"schema.id.serializer": header_schema_id_serializer}),
    ]


def without(node, *names):
    if isinstance(node, dict):
        return {name: without(value, *names) for name, value in node.items() if name not in names}
    return [without(value, *names) for value in node] if isinstance(node, list) else node


def round_trip(registry, topic, text, settings, value):
    context = SerializationContext(topic, MessageField.VALUE, [])
    body = AvroSerializer(registry, text, conf=settings)(value, context)
    headers = dict(context.headers)
    # a client of its own: it knows the schema only by what the bytes say
    reader = AvroDeserializer(SchemaRegistryClient({"url": os.environ["AFTERCARE_REGISTRY_URL"]}))
    back = reader(body, context)
    for field in ("id", "patient_id", "status", "respondent"):
        assert back[field] == value[field], field
    answers = [[(a["item"], a["code"]) for a in form["answers"]] for form in back["forms"]]
    assert answers == [[(a["item"], a["code"]) for a in form["answers"]] for form in value["forms"]]
    assert round(back["answered_at"].timestamp() * 1000) == value["answered_at"]
    return body, headers.get(VALUE_HEADER)


def refusals(registry, topic):
    mine = Schema('{"type": "record", "name": "Mine", "fields": []}', "AVRO")
    known = f"{topic}-value"
    return [
        ("register unknown", 42205, lambda: registry.register_schema(known, mine)),
        ("look up unknown", 40403, lambda: registry.lookup_schema(known, mine)),
        ("no such subject", 40401, lambda: registry.get_latest_version("nobody-value")),
        ("no such version", 40402, lambda: registry.get_version(known, 999)),
        ("no such id", 40403, lambda: registry.get_schema(1)),
    ]


def main():
    topic = f"{os.environ.get('AFTERCARE_APP', 'aftercare')}.prom-responses"
    settings = {"url": os.environ["AFTERCARE_REGISTRY_URL"]}
    text = newest_schema(SchemaRegistryClient(settings), topic)
    value = upload("registry-check", "registry-check-1", 1_767_341_100_000)
    for name, schema, conf in ways(text):
        body, header = round_trip(SchemaRegistryClient(settings), topic, schema, conf, value)
        assert (header is not None) == (name == "header"), name
        print(json.dumps({"way": name, "value": body.hex(), "header": header and header.hex()}))
    for name, code, call in refusals(SchemaRegistryClient(settings), topic):
        try:
            call()
        except SchemaRegistryError as error:
            assert error.error_code == code, f"{name}: {error}"
        else:
            sys.exit(f"{name}: not refused")
    return 0


if __name__ == "__main__":
    sys.exit(main())
