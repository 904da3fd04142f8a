//! Whether a directory lies on an encrypted block device, by what Linux tells in `/proc` and `/sys`.

use std::fs;
use std::path::Path;

/// Whether a disk is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Encrypted by dm-crypt, of which LUKS is a form, on this machine.
    Encrypted,
    /// Not encrypted by this machine; a hypervisor or a cloud may encrypt the disk without its knowledge.
    NotHere,
    /// There is no block device to look at: a network or a layered file system.
    Unseen,
}

/// Whether the disk below a directory is encrypted, and the mount's device and kind, for people. `root` is the directory of
/// `/proc` and `/sys`.
pub fn of(root: &Path, directory: &Path) -> (Encryption, String) {
    let Ok(mounts) = fs::read_to_string(root.join("proc/self/mountinfo")) else {
        return (Encryption::Unseen, "an unknown device".into());
    };
    let mount = mounts.lines().filter_map(Mount::read).filter(|mount| directory.starts_with(&mount.point));
    // Of mounts at the same place, the last one is visible.
    let Some(mount) = mount.max_by_key(|mount| mount.point.as_os_str().len()) else {
        return (Encryption::Unseen, "an unknown device".into());
    };
    let shown = format!("{} ({})", mount.source, mount.kind);
    if mount.device.starts_with("0:") {
        return (Encryption::Unseen, shown);
    }
    let encrypted = encrypted(&root.join("sys/dev/block").join(&mount.device), 0);
    (if encrypted { Encryption::Encrypted } else { Encryption::NotHere }, shown)
}

struct Mount {
    device: String,
    point: std::path::PathBuf,
    kind: String,
    source: String,
}

impl Mount {
    /// A line of `mountinfo`: number, parent, device, root, mount point, options, optional fields, `-`, kind, source.
    fn read(line: &str) -> Option<Self> {
        let (mount, rest) = line.split_once(" - ")?;
        let mut words = mount.split(' ');
        let (device, point) = (words.nth(2)?, words.nth(1)?);
        let mut rest = rest.split(' ');
        let (kind, source) = (rest.next()?, rest.next()?);
        Some(Self {
            device: device.into(),
            point: unescape(point).into(),
            kind: kind.into(),
            source: unescape(source),
        })
    }
}

/// Replaces the octal escapes of spaces, tabs, line ends and backslashes.
fn unescape(text: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Whether a block device, or all devices that it is made of, are dm-crypt. The directory of a partition names no mapper, and
/// lies in the directory of its disk.
fn encrypted(device: &Path, depth: usize) -> bool {
    const DEEPEST: usize = 8;
    let uuid = fs::read_to_string(device.join("dm/uuid")).unwrap_or_default();
    if uuid.starts_with("CRYPT-") {
        return true;
    }
    let Ok(slaves) = fs::read_dir(device.join("slaves")) else { return false };
    let mut slaves = slaves.flatten().peekable();
    slaves.peek().is_some() && depth < DEEPEST && slaves.all(|slave| encrypted(&slave.path(), depth + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A machine with an unencrypted disk, a disk with LUKS on a partition, a volume on LUKS, a volume half on LUKS and an
    /// overlay.
    struct Machine(PathBuf);

    impl Machine {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("conifer-disk-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&root);
            let write = |path: &str, text: &str| {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            };
            write(
                "proc/self/mountinfo",
                "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                 2 1 253:0 / /luks rw shared:1 - ext4 /dev/mapper/luks rw\n\
                 3 1 253:1 / /lvm rw - xfs /dev/mapper/vg-lv rw\n\
                 4 1 253:2 / /half rw - xfs /dev/mapper/vg-half rw\n\
                 5 1 0:40 / /over rw - overlay overlay rw\n\
                 6 1 253:0 / /with\\040space rw - ext4 /dev/mapper/luks rw\n\
                 broken line\n",
            );
            write("sys/dev/block/8:1/partition", "1");
            write("sys/dev/block/253:0/dm/uuid", "CRYPT-LUKS2-0123-luks\n");
            write("sys/dev/block/253:0/slaves/sda2/partition", "2");
            write("sys/dev/block/253:1/dm/uuid", "LVM-abc\n");
            write("sys/dev/block/253:1/slaves/dm-0/dm/uuid", "CRYPT-LUKS2-0123-luks\n");
            write("sys/dev/block/253:2/dm/uuid", "LVM-def\n");
            write("sys/dev/block/253:2/slaves/dm-0/dm/uuid", "CRYPT-LUKS2-0123-luks\n");
            write("sys/dev/block/253:2/slaves/sdb/partition", "1");
            Self(root)
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_below() {
        let machine = Machine::new("below");
        let see = |directory: &str| of(&machine.0, Path::new(directory));
        assert_eq!(see("/var/lib/postgresql"), (Encryption::NotHere, "/dev/sda1 (ext4)".into()));
        assert_eq!(see("/luks/data").0, Encryption::Encrypted);
        assert_eq!(see("/luksury").0, Encryption::NotHere, "a name that only begins alike");
        assert_eq!(see("/lvm/data"), (Encryption::Encrypted, "/dev/mapper/vg-lv (xfs)".into()));
        assert_eq!(see("/half").0, Encryption::NotHere);
        assert_eq!(see("/over/data").0, Encryption::Unseen);
        assert_eq!(see("/with space/data").0, Encryption::Encrypted);
        assert_eq!(of(Path::new("/nonexistent"), Path::new("/")).0, Encryption::Unseen);
    }
}
