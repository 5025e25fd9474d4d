#!/usr/bin/env python3
"""Sends one answered questionnaire to Kafka as anybody else's program would: with Confluent's Python client
and its AvroSerializer, against the registry API of `aftercare serve`. Prints one line of JSON per record sent.

  AFTERCARE_BOOTSTRAP      Kafka, HOST:PORT                                     (required)
  AFTERCARE_REGISTRY_URL   registry API, http://HOST:PORT                       (required)
  AFTERCARE_APP            prefix of the topic names                            (default: aftercare)
  AFTERCARE_PARTITIONER    librdkafka's partitioner; its own default hashes by CRC32, so that records end
                           up in partitions that Java's clients would not choose; murmur2_random agrees
"""

import argparse
import json
import os
import sys
import time

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

DAY_MS = 24 * 3600 * 1000


def enrolment(patient, now):
    """A patient with a stent, treated 30 days ago."""
    return {
        "id": f"{patient}-enrolment",
        "revision": 1,
        "status": "final",
        "source": "live",
        "patient_id": patient,
        "episode_id": f"{patient}-episode",
        "recorded_at": now,
        "effective_at": now - 30 * DAY_MS,
        "procedure": "coronary-stent",
        "treated_at": now - 30 * DAY_MS,
        "plan": "coronary-stent",
        "time_zone": "Asia/Shanghai",
        "episode_status": "active",
    }


def upload(patient, upload_id, now):
    """An EQ-5D-5L and a PHQ-2, both complete."""
    forms = {
        "eq-5d-5l": {"mo": 1, "sc": 1, "ua": 2, "pd": 2, "ad": 1},
        "phq-2": {"phq2_1": 0, "phq2_2": 1},
    }
    return {
        "id": upload_id,
        "revision": 1,
        "status": "final",
        "source": "live",
        "patient_id": patient,
        "answered_at": now - 60_000,
        "uploaded_at": now,
        "respondent": "patient",
        "forms": [
            {
                "instrument": instrument,
                "answers": [{"item": item, "code": code} for item, code in answers.items()],
            }
            for instrument, answers in forms.items()
        ],
    }


def newest_schema(registry, topic):
    return registry.get_latest_version(f"{topic}-value").schema.schema_str


class Sender:
    """A producer that keeps what became of each record."""

    def __init__(self, bootstrap, registry_url, app, partitioner):
        settings = {"bootstrap.servers": bootstrap, "enable.idempotence": True, "delivery.timeout.ms": 30_000}
        if partitioner:
            settings["partitioner"] = partitioner
        self.producer = Producer(settings)
        self.registry = SchemaRegistryClient({"url": registry_url})
        self.app = app
        self.failed = False

    def send(self, stream, value):
        topic = f"{self.app}.{stream}"
        serialize = AvroSerializer(self.registry, newest_schema(self.registry, topic))
        body = serialize(value, SerializationContext(topic, MessageField.VALUE))
        key = value["patient_id"].encode()
        self.producer.produce(topic, key=key, value=body, on_delivery=self.report(value["id"]))
        if self.producer.flush(30) > 0:
            self.failed = True

    def report(self, record_id):
        def delivered(error, message):
            if error is not None:
                self.failed = True
                print(f"{message.topic()}: {error}", file=sys.stderr)
                return
            sent = {
                "topic": message.topic(),
                "partition": message.partition(),
                "offset": message.offset(),
                "id": record_id,
                "sent_at": message.timestamp()[1],
            }
            print(json.dumps(sent), flush=True)

        return delivered


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patient", default="python-client", help="patient id, also the key")
    parser.add_argument("--id", help="upload id (default: made from patient and time)")
    parser.add_argument("--enrol", action="store_true", help="send the patient's enrolment first")
    options = parser.parse_args()

    sender = Sender(
        os.environ["AFTERCARE_BOOTSTRAP"],
        os.environ["AFTERCARE_REGISTRY_URL"],
        os.environ.get("AFTERCARE_APP", "aftercare"),
        os.environ.get("AFTERCARE_PARTITIONER"),
    )
    now = time.time_ns() // 1_000_000
    if options.enrol:
        sender.send("enrolments", enrolment(options.patient, now))
    sender.send("prom-responses", upload(options.patient, options.id or f"{options.patient}-{now}", now))
    return 1 if sender.failed else 0


if __name__ == "__main__":
    sys.exit(main())
