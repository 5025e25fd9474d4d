#!/usr/bin/env bash
# Sends the bytes of one golden example to Kafka with kcat, as they are, and says what it sent.
#
#   kcat_golden.sh STREAM EXAMPLE      such as: kcat_golden.sh prom-responses stent-follow-up
#
#   AFTERCARE_BOOTSTRAP     Kafka, HOST:PORT                    (required)
#   AFTERCARE_APP           prefix of the topic names           (default: aftercare)
#   AFTERCARE_PARTITIONER   librdkafka's partitioner. kcat's own default hashes by CRC32, so that the record ends up
#                           in a partition that Java's clients would not choose; murmur2_random agrees with them
set -euo pipefail
if [ $# -ne 2 ]; then
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
stream=$1 example=$2
bootstrap=${AFTERCARE_BOOTSTRAP:?is not set: Kafka, HOST:PORT}
topic=${AFTERCARE_APP:-aftercare}.$stream
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/schemas/examples/$stream

# the record's key is its patient; the readable form of the example has it
key=$(sed -n 's/^ *"patient_id": *"\([^"]*\)".*/\1/p' "$folder/$example.json" | head -n 1)
[ -n "$key" ] || { echo "$folder/$example.json has no patient_id" >&2; exit 1; }

# with a file to send, kcat makes one record of all its bytes
kcat -P -b "$bootstrap" -t "$topic" -k "$key" -X acks=all -X message.timeout.ms=30000 \
  ${AFTERCARE_PARTITIONER:+-X "partitioner=$AFTERCARE_PARTITIONER"} "$folder/$example.bin"
printf '{"topic": "%s", "key": "%s", "bytes": %d}\n' "$topic" "$key" "$(stat -c %s "$folder/$example.bin")"
