//! Pages as the bytes of a PDF file.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::writers::ColorSpace;
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use sha2::{Digest, Sha256};

use super::font::{Fonts, Typeface, Weight};
use super::layout::{HEIGHT, Mark, Page, WIDTH};
use super::{Letter, grey};
use crate::ExportError;

/// One colour space: grey with a profile, so that it depends on no device.
const GREY: Name<'static> = Name(b"G");
const IDENTITY: SystemInfo<'static> =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
/// Objects before those of pages.
const FIRST: i32 = 20;

pub(super) fn document(letter: &Letter, pages: &[Page], fonts: &mut Fonts) -> Result<Vec<u8>, ExportError> {
    let mut pdf = Pdf::new();
    pdf.set_version(1, 7);
    pdf.set_binary_marker(&[0xE2, 0xE3, 0xCF, 0xD3]);
    let [catalog, tree, info, metadata, profile] = [1, 2, 3, 4, 15].map(Ref::new);
    let page_ref = |at: i32| Ref::new(FIRST + 2 * at);
    let count = i32::try_from(pages.len()).map_err(ExportError::format("PDF"))?;
    let mut digest = Sha256::new();
    for (at, marks) in (0..).zip(pages) {
        let content = content(marks, fonts);
        digest.update(&content);
        let content_ref = Ref::new(FIRST + 2 * at + 1);
        let mut page = pdf.page(page_ref(at));
        page.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).parent(tree).contents(content_ref);
        let mut resources = page.resources();
        resources.color_spaces().insert(GREY).start::<ColorSpace<'_>>().icc_based(profile);
        resources.fonts().pair(name(Weight::Regular), Ref::new(5)).pair(name(Weight::Bold), Ref::new(10));
        resources.finish();
        page.finish();
        pdf.stream(content_ref, &zipped(&content)?).filter(Filter::FlateDecode);
    }
    pdf.pages(tree).kids((0..count).map(page_ref)).count(count);
    let grey = zipped(&grey::profile())?;
    let mut stream = pdf.icc_profile(profile, &grey);
    stream.n(1).alternate().device_gray();
    stream.filter(Filter::FlateDecode);
    stream.finish();
    embed(&mut pdf, 5, "NotoSansSC-Regular", &fonts.regular)?;
    embed(&mut pdf, 10, "NotoSansSC-Bold", &fonts.bold)?;
    let title = format!("{} {}", letter.title, letter.number);
    pdf.document_info(info).title(TextStr(&title)).producer(TextStr("Aftercare"));
    pdf.metadata(metadata, xmp(&title).as_bytes());
    let mut catalog = pdf.catalog(catalog);
    catalog.pages(tree).metadata(metadata).lang(TextStr("en"));
    catalog.viewer_preferences().display_doc_title(true);
    catalog.finish();
    digest.update(title.as_bytes());
    let id = digest.finalize().iter().take(16).copied().collect::<Vec<u8>>();
    pdf.set_file_id((id.clone(), id));
    Ok(pdf.finish())
}

fn name(weight: Weight) -> Name<'static> {
    match weight {
        Weight::Regular => Name(b"R"),
        Weight::Bold => Name(b"B"),
    }
}

/// What draws a page.
fn content(marks: &[Mark], fonts: &mut Fonts) -> Vec<u8> {
    let mut content = Content::new();
    content.set_fill_color_space(GREY).set_stroke_color_space(GREY);
    for mark in marks {
        match mark {
            Mark::Text { x, y, size, weight, grey, text } => {
                let glyphs = fonts.of_mut(*weight).encode(text);
                content.set_fill_color([*grey]);
                content.begin_text().set_font(name(*weight), *size).next_line(*x, HEIGHT - y);
                content.show(Str(&glyphs)).end_text();
            }
            Mark::Rule { from, to, y, width } => {
                content.set_stroke_color([0.3]).set_line_width(*width);
                content.move_to(*from, HEIGHT - y).line_to(*to, HEIGHT - y).stroke();
            }
            Mark::Band { x, y, width, height } => {
                content.set_fill_color([0.93]).rect(*x, HEIGHT - y - height, *width, *height).fill_nonzero();
            }
        }
    }
    content.finish().into_vec()
}

/// A font as a composite one whose codes are glyphs, at five numbers from `first` on.
fn embed(pdf: &mut Pdf, first: i32, name: &str, of: &Typeface) -> Result<(), ExportError> {
    let [font, cid, descriptor, file, unicode] = [0, 1, 2, 3, 4].map(|n| Ref::new(first + n));
    // six letters say that it is a part; the same part, the same letters
    let part = of.part()?;
    let tag: String = Sha256::digest(&part).iter().take(6).map(|byte| char::from(b'A' + byte % 26)).collect();
    let name = format!("{tag}+{name}");
    let mut composite = pdf.type0_font(font);
    composite.base_font(Name(name.as_bytes())).encoding_predefined(Name(b"Identity-H"));
    composite.descendant_font(cid).to_unicode(unicode);
    composite.finish();

    let scale = 1000.0 / f32::from(of.face.units_per_em());
    let mut descendant = pdf.cid_font(cid);
    descendant.subtype(CidFontType::Type2).base_font(Name(name.as_bytes())).system_info(IDENTITY);
    descendant.font_descriptor(descriptor).default_width(0.0).cid_to_gid_map_predefined(Name(b"Identity"));
    let mut widths = descendant.widths();
    widths
        .consecutive(0, [f32::from(of.face.glyph_hor_advance(ttf_parser::GlyphId(0)).unwrap_or(0)) * scale]);
    for (glyph, c) in &of.used {
        widths.consecutive(*glyph, [of.advance(*c) * 1000.0]);
    }
    widths.finish();
    descendant.finish();

    let bounds = of.face.global_bounding_box();
    let [x_min, y_min, x_max, y_max] =
        [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max].map(|edge| f32::from(edge) * scale);
    let mut about = pdf.font_descriptor(descriptor);
    about.name(Name(name.as_bytes())).flags(FontFlags::SYMBOLIC).italic_angle(0.0);
    about.bbox(Rect::new(x_min, y_min, x_max, y_max));
    about.ascent(f32::from(of.face.ascender()) * scale).descent(f32::from(of.face.descender()) * scale);
    about
        .cap_height(f32::from(of.face.capital_height().unwrap_or(733)) * scale)
        .stem_v(80.0)
        .font_file2(file);
    about.finish();

    let length = i32::try_from(part.len()).map_err(ExportError::format("PDF"))?;
    pdf.stream(file, &zipped(&part)?).filter(Filter::FlateDecode).pair(Name(b"Length1"), length);
    let mut map = UnicodeCmap::new(Name(b"Custom"), IDENTITY);
    for (glyph, c) in &of.used {
        map.pair(*glyph, *c);
    }
    let map = map.finish();
    pdf.stream(unicode, &zipped(map.as_slice())?).filter(Filter::FlateDecode);
    Ok(())
}

fn zipped(bytes: &[u8]) -> Result<Vec<u8>, ExportError> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).and_then(|()| out.finish()).map_err(ExportError::io("compress a page"))
}

/// What the file says of itself, as PDF/A wants it: the same as the document's information.
fn xmp(title: &str) -> String {
    let title = crate::ubl::escaped(title);
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
         <x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
         <rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:pdf=\"http://ns.adobe.com/pdf/1.3/\" xmlns:pdfaid=\"http://www.aiim.org/pdfa/ns/id/\">\
         <dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">{title}</rdf:li></rdf:Alt></dc:title>\
         <pdf:Producer>Aftercare</pdf:Producer>\
         <pdfaid:part>2</pdfaid:part><pdfaid:conformance>U</pdfaid:conformance>\
         </rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end=\"r\"?>"
    )
}
