//! Groups facts by member without holding them all in memory: they are partitioned into files by member, each small enough
//! to be read whole. A file that is too large is partitioned again.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustc_hash::FxBuildHasher;
use tessera_domain::fact::{FactId, Receipt, Refund};
use tessera_domain::ids::{IdError, MemberId, ReceiptId};
use tessera_domain::pack::{PackError, unpack};
use tessera_domain::rule::ReferralRole;

use crate::{BacktestPeriod, History};

/// The number of files, which are open at the same time.
const FILES: usize = 64;
/// Files larger than this are partitioned again, up to a depth at which only one member can be left.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
const MOST_DEALS: u32 = 4;

/// Why facts could not be grouped.
#[derive(Debug, thiserror::Error)]
pub enum SpillError {
    /// A temporary file could not be written or read.
    #[error("a temporary file failed: {0}")]
    File(#[from] io::Error),
    /// A fact cannot be unpacked.
    #[error("a fact cannot be read: {0}")]
    Fact(#[from] PackError),
    /// A fact is of a kind that a backtest does not replay.
    #[error("{0} cannot be replayed")]
    NotReplayed(FactId),
    /// An identifier is invalid.
    #[error("an identifier cannot be read: {0}")]
    Id(#[from] IdError),
}

/// Partitions facts by member into files of a folder.
#[derive(Debug)]
pub struct Spill {
    folder: PathBuf,
    prefix: String,
    deal: u32,
    files: Vec<BufWriter<File>>,
    bytes: Vec<u64>,
}

/// Facts in files, partitioned by member.
#[derive(Debug)]
pub struct Partitions {
    folder: PathBuf,
    prefix: String,
    deal: u32,
    bytes: Vec<u64>,
}

/// In place of a receipt's id, which has no such byte: a rewarded referral, with its time as content.
const ADVOCATE: &[u8] = b"\0advocate";
const FRIEND: &[u8] = b"\0friend";

/// A record: lengths and bytes. Only refunds have a receipt id; referrals have their side in its place.
pub(crate) struct Record<'a> {
    pub member: &'a [u8],
    pub receipt: &'a [u8],
    pub packed: &'a [u8],
}

impl Spill {
    /// Creates files in an existing folder, which the caller removes.
    ///
    /// # Errors
    /// When a file cannot be created.
    pub fn new(folder: &Path) -> Result<Self, SpillError> {
        Self::open(folder, "facts".to_owned(), 0)
    }

    pub(crate) fn open(folder: &Path, prefix: String, deal: u32) -> Result<Self, SpillError> {
        let make = |number| File::create(folder.join(format!("{prefix}-{number}"))).map(BufWriter::new);
        let files = (0..FILES).map(make).collect::<Result<_, _>>()?;
        Ok(Self { folder: folder.to_owned(), prefix, deal, files, bytes: vec![0; FILES] })
    }

    /// Adds a member's packed receipt.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn receipt(&mut self, member: &str, packed: &[u8]) -> Result<(), SpillError> {
        self.take(&Record { member: member.as_bytes(), receipt: &[], packed })
    }

    /// Adds a packed refund of a member's receipt.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn refund(&mut self, member: &str, receipt: &ReceiptId, packed: &[u8]) -> Result<(), SpillError> {
        self.take(&Record { member: member.as_bytes(), receipt: receipt.as_str().as_bytes(), packed })
    }

    /// Adds a referral of a member that was rewarded.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn referral(&mut self, member: &str, role: ReferralRole, at: Timestamp) -> Result<(), SpillError> {
        let referral = match role {
            ReferralRole::Advocate => ADVOCATE,
            ReferralRole::Friend => FRIEND,
        };
        let at = at.as_millisecond().to_le_bytes();
        self.take(&Record { member: member.as_bytes(), receipt: referral, packed: &at })
    }

    /// Takes a packed fact of a member.
    ///
    /// # Errors
    /// When it cannot be written, or is of a kind that is not replayed.
    pub fn fact(&mut self, member: &str, fact: &FactId, packed: &[u8]) -> Result<(), SpillError> {
        match fact {
            FactId::Receipt { .. } => self.receipt(member, packed),
            FactId::Refund { receipt, .. } => self.refund(member, receipt, packed),
            other => Err(SpillError::NotReplayed(other.clone())),
        }
    }

    fn take(&mut self, record: &Record<'_>) -> Result<(), SpillError> {
        let mut hasher = FxBuildHasher.build_hasher();
        hasher.write_u32(self.deal);
        hasher.write(record.member);
        // The low bits of this hash are badly distributed.
        let place = usize::try_from(hasher.finish() >> 40).unwrap_or(0) % FILES;
        for part in [record.member, record.receipt, record.packed] {
            let length = u32::try_from(part.len()).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
            self.files[place].write_all(&length.to_le_bytes())?;
            self.files[place].write_all(part)?;
            self.bytes[place] += 4 + u64::from(length);
        }
        Ok(())
    }

    /// Completes the files.
    ///
    /// # Errors
    /// When the last records cannot be written.
    pub fn finish(mut self) -> Result<Partitions, SpillError> {
        self.files.iter_mut().try_for_each(Write::flush)?;
        let Self { folder, prefix, deal, bytes, .. } = self;
        Ok(Partitions { folder, prefix, deal, bytes })
    }
}

impl Partitions {
    /// The number of partitions.
    pub const fn parts(&self) -> usize {
        self.bytes.len()
    }

    /// The size of all partitions in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.iter().sum()
    }

    /// The size of a partition in bytes.
    pub fn bytes_of(&self, part: usize) -> u64 {
        self.bytes.get(part).copied().unwrap_or(0)
    }

    /// Passes each record of a partition to a function.
    pub(crate) fn records(
        &self,
        part: usize,
        take: impl FnMut(&Record<'_>) -> Result<(), SpillError>,
    ) -> Result<(), SpillError> {
        read(&self.folder.join(format!("{}-{part}", self.prefix)), take)
    }

    /// Passes each member of a partition to a function.
    ///
    /// # Errors
    /// When the file cannot be read, or a fact in it.
    pub fn each(&self, part: usize, period: &BacktestPeriod, take: &mut dyn FnMut(History)) -> Result<(), SpillError> {
        let path = self.folder.join(format!("{}-{part}", self.prefix));
        if self.bytes_of(part) > MOST_BYTES && self.deal < MOST_DEALS {
            let prefix = format!("{}-{part}", self.prefix);
            let mut smaller = Spill::open(&self.folder, prefix, self.deal + 1)?;
            read(&path, |record| smaller.take(record))?;
            let smaller = smaller.finish()?;
            std::fs::remove_file(&path)?;
            return (0..smaller.parts()).try_for_each(|part| {
                smaller.each(part, period, take)?;
                // A file that cannot be removed now is removed with the folder.
                let _ = std::fs::remove_file(smaller.folder.join(format!("{}-{part}", smaller.prefix)));
                Ok(())
            });
        }
        let mut members: BTreeMap<Vec<u8>, Facts> = BTreeMap::new();
        read(&path, |record| {
            if !members.contains_key(record.member) {
                members.insert(record.member.to_vec(), Facts::default());
            }
            let Some(facts) = members.get_mut(record.member) else { return Ok(()) };
            if record.receipt.is_empty() {
                facts.receipts.push(unpack(record.packed)?);
            } else if record.receipt == ADVOCATE || record.receipt == FRIEND {
                let role = if record.receipt == FRIEND { ReferralRole::Friend } else { ReferralRole::Advocate };
                let at = record.packed.try_into().ok().map(i64::from_le_bytes);
                let at = at.and_then(|at| Timestamp::from_millisecond(at).ok());
                facts.referrals.extend(at.map(|at| (at, role)));
            } else {
                facts.refunds.push((ReceiptId::new(String::from_utf8_lossy(record.receipt))?, unpack(record.packed)?));
            }
            Ok(())
        })?;
        for (number, (member, Facts { receipts, refunds, referrals })) in members.into_iter().enumerate() {
            // Overlong ids are valid here: a decision only needs them to differ.
            let name = String::from_utf8_lossy(&member);
            let member = MemberId::new(name).or_else(|_| MemberId::new(format!("m_{number}")))?;
            let history = History::new(member, receipts, refunds, period);
            take(if referrals.is_empty() { history } else { history.with_referrals(referrals, period) });
        }
        Ok(())
    }
}

#[derive(Default)]
struct Facts {
    receipts: Vec<Receipt>,
    refunds: Vec<(ReceiptId, Refund)>,
    referrals: Vec<(Timestamp, ReferralRole)>,
}

/// Reads the records of a file.
fn read(path: &Path, mut take: impl FnMut(&Record<'_>) -> Result<(), SpillError>) -> Result<(), SpillError> {
    let mut file = BufReader::with_capacity(256 * 1024, File::open(path)?);
    let mut parts: [Vec<u8>; 3] = Default::default();
    loop {
        for (number, part) in parts.iter_mut().enumerate() {
            let mut length = [0; 4];
            match file.read_exact(&mut length) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && number == 0 => return Ok(()),
                result => result?,
            }
            part.resize(usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX), 0);
            file.read_exact(part)?;
        }
        take(&Record { member: &parts[0], receipt: &parts[1], packed: &parts[2] })?;
    }
}
