//! A colour profile of one channel, grey with a gamma of 2.2, as the standard of the ICC (version 2.4) lays it out.

/// XYZ of D50 in the profile's fixed point numbers.
const D50: [u32; 3] = [0x0000_F6D6, 0x0001_0000, 0x0000_D32D];
const HEADER: usize = 128;

/// The bytes of the profile; always the same.
pub(super) fn profile() -> Vec<u8> {
    let tags = [
        (b"desc", description()),
        (b"cprt", text(b"No copyright, use freely")),
        (b"wtpt", white()),
        (b"kTRC", curve()),
    ];
    let (mut table, mut data) = (Vec::new(), Vec::new());
    let first = HEADER + 4 + 12 * tags.len();
    put(&mut table, number(tags.len()));
    for (name, bytes) in &tags {
        table.extend_from_slice(*name);
        put(&mut table, number(first + data.len()));
        put(&mut table, number(bytes.len()));
        data.extend_from_slice(bytes);
        data.resize(data.len().next_multiple_of(4), 0);
    }
    let mut profile = header(number(first + data.len()));
    profile.extend(table);
    profile.extend(data);
    profile
}

fn header(size: u32) -> Vec<u8> {
    let mut header = Vec::new();
    put(&mut header, size);
    put(&mut header, 0);
    put(&mut header, 0x0240_0000);
    header.extend_from_slice(b"mntrGRAYXYZ ");
    // 2000-01-01 00:00:00
    header.extend_from_slice(&[0x07, 0xD0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
    header.extend_from_slice(b"acsp");
    // platform to intent
    header.resize(68, 0);
    D50.into_iter().for_each(|value| put(&mut header, value));
    header.resize(HEADER, 0);
    header
}

fn description() -> Vec<u8> {
    let name = b"Grey, gamma 2.2\0";
    let mut tag = b"desc\0\0\0\0".to_vec();
    put(&mut tag, number(name.len()));
    tag.extend_from_slice(name);
    // no name in Unicode or in a script of the Macintosh
    tag.resize(tag.len() + 4 + 4 + 2 + 1 + 67, 0);
    tag
}

fn text(text: &[u8]) -> Vec<u8> {
    [b"text\0\0\0\0", text, b"\0"].concat()
}

fn white() -> Vec<u8> {
    let mut tag = b"XYZ \0\0\0\0".to_vec();
    D50.into_iter().for_each(|value| put(&mut tag, value));
    tag
}

fn curve() -> Vec<u8> {
    // one entry: the gamma with eight binary places
    [&b"curv\0\0\0\0"[..], &1_u32.to_be_bytes(), &0x0233_u16.to_be_bytes()].concat()
}

fn put(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
