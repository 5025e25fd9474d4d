//! Which partition a key belongs to: Kafka's own rule (Java's default partitioner), so that any client that uses
//! murmur2 agrees with us.

/// Murmur2 as Kafka's Java client computes it (seed 0x9747b28c).
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "the algorithm is defined modulo 2^32")]
pub fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ key.len() as u32;
    let mut chunks = key.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = chunks.remainder();
    for (i, &byte) in rest.iter().enumerate() {
        hash ^= u32::from(byte) << (8 * i);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The partition of `key` among `partitions`.
///
/// # Panics
/// When `partitions` is not positive: a topic has at least one.
#[must_use]
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    let positive = murmur2(key) & 0x7fff_ffff;
    let partitions = u32::try_from(partitions).expect("a topic has at least one partition");
    i32::try_from(positive % partitions).expect("below the number of partitions")
}

#[cfg(test)]
mod tests {
    use super::murmur2;

    /// The vectors of Kafka's own test (`UtilsTest.testMurmur2`).
    #[test]
    #[allow(clippy::cast_possible_wrap, reason = "Java prints the hash as a signed number")]
    fn agrees_with_kafka() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }
}
