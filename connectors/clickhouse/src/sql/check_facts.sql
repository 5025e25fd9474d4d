-- Receipts of records that count, beside the copies that are kept.
SELECT receipts.topic AS topic, countIf(kept) AS facts, countIf(NOT kept) AS missing
FROM
(
    SELECT toString(topic) AS topic, patient_id, id, revision
    FROM receipts FINAL
    WHERE topic IN ('enrolments', 'clinical-events', 'commerce-events') AND outcome IN ('accepted', 'unscored') AND ifNull(reason, '') != 'superseded'
) AS receipts
LEFT JOIN
(
    SELECT DISTINCT topic, patient_id, id, revision, true AS kept
    FROM
    (
        SELECT 'enrolments' AS topic, patient_id, id, revision, partition, offset FROM enrolments
        UNION ALL
        SELECT 'clinical-events', patient_id, id, revision, partition, offset FROM clinical_events
        UNION ALL
        SELECT 'commerce-events', patient_id, id, revision, partition, offset FROM commerce_events
    )
    WHERE (topic, partition, offset) NOT IN (SELECT toString(topic), partition, offset FROM dead_letters)
) AS facts USING (topic, patient_id, id, revision)
GROUP BY topic
ORDER BY topic
