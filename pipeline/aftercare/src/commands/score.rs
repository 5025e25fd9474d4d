//! `aftercare score`

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind};
use std::path::PathBuf;

use aftercare_core::vital::news2::Spo2Scale;
use anyhow::{Context, bail};

use super::instruments::document;
use crate::Outcome;
use crate::score::{Chart, Questionnaire, Scorer, score};
use crate::wiring::say;

const BUFFER: usize = 1 << 16;

/// Score a CSV file of answers.
#[derive(clap::Args)]
#[command(
    after_help = "The file has a header, then one line for each form: a first column called id (kept as it is) if there \
    is one, then a column for each item in the instrument's published order, whatever it is called; an empty cell is a \
    missing answer. Lines that begin with # before the header are left out.\n\n\
    The output has the columns of the file, one for each scale, then status (scored, unscored) and reason. Cells that \
    can't be used are named on stderr by line and column, and their line is unscored.\n\n\
    Exit codes: 0 every line could be read; 4 some had cells that can't be used; 1 the file can't be scored at all; \
    2 wrong usage."
)]
pub(crate) struct Args {
    /// An instrument of `aftercare instruments list`, or the TOML file of one of your own.
    instrument: String,
    /// The file; - is stdin.
    file: PathBuf,
    /// What a state of health is worth, by the paper's name (of EQ-5D).
    #[arg(long, value_name = "NAME")]
    value_set: Option<String>,
    /// The table of the licence holder, where the instrument needs one: a TOML file with its [score].
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// The oxygen saturations aimed at (of NEWS2): 2 for hypercapnic respiratory failure, by prescription.
    #[arg(long, value_name = "SCALE", value_parser = clap::value_parser!(u8).range(1..=2))]
    spo2_scale: Option<u8>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let mut scorer = scorer(args)?;
    let input: Box<dyn BufRead> = if args.file.as_os_str() == "-" {
        Box::new(BufReader::with_capacity(BUFFER, io::stdin().lock()))
    } else {
        let file = File::open(&args.file).with_context(|| format!("open {}", args.file.display()))?;
        Box::new(BufReader::with_capacity(BUFFER, file))
    };
    let mut output = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    match score(input, &mut output, &mut *scorer, &mut |line| say(line)) {
        Ok(counts) => {
            say(format_args!("{counts}"));
            Ok(if counts.refused == 0 { Outcome::Done } else { Outcome::Found })
        }
        // Nobody reads on: as other tools do, it ends.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(is_gone) => Ok(Outcome::Done),
        Err(error) => Err(error),
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}

fn scorer(args: &Args) -> anyhow::Result<Box<dyn Scorer>> {
    if args.instrument == Chart::ID {
        if args.value_set.is_some() || args.table.is_some() {
            bail!("news2 has neither value sets nor a table");
        }
        let scale = if args.spo2_scale == Some(2) { Spo2Scale::Two } else { Spo2Scale::One };
        return Ok(Box::new(Chart::new(scale)));
    }
    if args.spo2_scale.is_some() {
        bail!("only news2 has --spo2-scale");
    }
    let document = document(&args.instrument, args.table.as_deref())?;
    let Some(value_set) = document.value_set(args.value_set.as_deref()) else {
        let ids: Vec<&str> = (0..).map_while(|at| document.value_set_id(at)).map(|id| &**id).collect();
        match &ids[..] {
            [] => bail!("{} has no value sets", document.id),
            ids => bail!("{} has no such value set, but {}", document.id, ids.join(", ")),
        }
    };
    if let (None, Some(id)) = (&args.value_set, document.value_set_id(value_set)) {
        say(format_args!("value set {id}, as none was named"));
    }
    Ok(Box::new(Questionnaire::new(document, value_set)))
}
