//! The sets of CPU instructions that kernels are compiled for, and the choice among them at run time.
//!
//! A file of kernels names the sets it is compiled for with [`dispatch`]; a set is defined here alone. The
//! features that functions are compiled with and the features that the CPU is asked for are the same tokens.

/// The definition of an instruction set: the targets that have it, its name for reports, and its features, which the
/// registers of the same name prove. Hands the definition to another macro of this file.
macro_rules! isa {
    (portable, $to:ident $rest:tt) => {
        $crate::simd::dispatch::$to! { portable (all()) "portable" [] $rest }
    };
    // Part of every x86-64.
    (sse2, $to:ident $rest:tt) => {
        $crate::simd::dispatch::$to! { sse2 (target_arch = "x86_64") "sse2" [] $rest }
    };
    (popcnt, $to:ident $rest:tt) => {
        $crate::simd::dispatch::$to! { popcnt (target_arch = "x86_64") "popcnt" ["popcnt"] $rest }
    };
    (ssse3, $to:ident $rest:tt) => {
        $crate::simd::dispatch::$to! { ssse3 (target_arch = "x86_64") "ssse3" ["ssse3"] $rest }
    };
    // Every CPU with AVX2 has all four; a hypervisor may hide some.
    (avx2, $to:ident $rest:tt) => {
        $crate::simd::dispatch::$to! { avx2 (target_arch = "x86_64") "avx2" ["avx2" "fma" "f16c" "popcnt"] $rest }
    };
    // For whole numbers alone: without FMA and F16C, which Miri and some hypervisors do not have.
    (avx2int, $to:ident $rest:tt) => {
        $crate::simd::dispatch::$to! { avx2int (target_arch = "x86_64") "avx2" ["avx2" "popcnt"] $rest }
    };
    (avx512, $to:ident $rest:tt) => {
        $crate::simd::dispatch::$to! {
            avx512 (target_arch = "x86_64") "avx512" ["avx512f" "avx2" "fma" "f16c"] $rest
        }
    };
    // For operations on bytes.
    (avx512bw, $to:ident $rest:tt) => {
        $crate::simd::dispatch::$to! {
            avx512bw (target_arch = "x86_64") "avx512"
            ["avx512f" "avx512bw" "avx512vl" "avx2" "fma" "f16c"] $rest
        }
    };
    // For products of bytes.
    (avx512vnni, $to:ident $rest:tt) => {
        $crate::simd::dispatch::$to! {
            avx512vnni (target_arch = "x86_64") "avx512vnni" ["avx512f" "avx512vnni"] $rest
        }
    };
    // Part of every 64-bit ARM.
    (neon, $to:ident $rest:tt) => {
        $crate::simd::dispatch::$to! { neon (target_arch = "aarch64") "neon" [] $rest }
    };
}

/// Compiles kernels for each set named, into a module with the name of the set, and defines two functions:
/// `variants`, which gives the tables of all sets that this CPU has, and `kernels`, which gives the fastest.
///
/// `$compile` is a macro of the file. It is called as `$compile! { "name" ["feature" …] (argument, …) }`, with the
/// name for reports, the features that each function has to be enabled for, and the arguments behind the set; it
/// defines the functions and `pub(super) static TABLE`, a `$kernels`. The sets come with the slowest first, which
/// is `portable`. `fastest` chooses one of `variants` if the last is not the fastest.
macro_rules! dispatch {
    (
        $vis:vis $kernels:ty, $compile:ident: portable $portable:tt $(, $set:ident $arguments:tt)* $(,)?
    ) => {
        $crate::simd::dispatch::dispatch! {
            $vis $kernels, $compile: portable $portable $(, $set $arguments)*;
            fastest |mut all: Vec<&'static $kernels>| all.pop()
        }
    };
    (
        $vis:vis $kernels:ty, $compile:ident: portable $portable:tt $(, $set:ident $arguments:tt)*;
        fastest $fastest:expr
    ) => {
        $crate::simd::dispatch::isa!(portable, compile_set ($compile $portable));
        $($crate::simd::dispatch::isa!($set, compile_set ($compile $arguments));)*

        /// The kernels for every instruction set that this CPU has, `portable` first; for tests and benchmarks.
        $vis fn variants() -> Vec<&'static $kernels> {
            let mut all: Vec<&'static $kernels> = vec![&portable::TABLE];
            $($crate::simd::dispatch::isa!($set, push_set (all));)*
            all
        }

        /// The fastest kernels for this CPU. The first call looks at the CPU, later calls cost a load; a loop can
        /// keep the reference.
        #[inline]
        $vis fn kernels() -> &'static $kernels {
            static CHOSEN: std::sync::OnceLock<&'static $kernels> = std::sync::OnceLock::new();
            CHOSEN.get_or_init(|| $fastest(variants()).unwrap_or(&portable::TABLE))
        }
    };
}

/// The module of one set.
macro_rules! compile_set {
    ($set:ident ($($target:tt)*) $name:tt $features:tt ($compile:ident $arguments:tt)) => {
        #[cfg($($target)*)]
        mod $set {
            use super::*;

            $compile! { $name $features $arguments }
        }
    };
}

/// Adds the table of one set, if the CPU has it.
macro_rules! push_set {
    ($set:ident ($($target:tt)*) $name:tt [$($feature:tt)*] ($all:ident)) => {
        #[cfg($($target)*)]
        {
            if $crate::simd::dispatch::has!($set) {
                $all.push(&$set::TABLE);
            }
        }
    };
}

/// Whether the CPU has a set; only for sets of its architecture.
macro_rules! has {
    ($set:ident) => {
        $crate::simd::dispatch::isa!($set, has ())
    };
    ($set:ident ($($target:tt)*) $name:tt [$($feature:tt)*] ()) => {
        true $(&& std::arch::is_x86_feature_detected!($feature))*
    };
}

pub(crate) use {compile_set, dispatch, has, isa, push_set};

#[cfg(test)]
mod tests {
    #[derive(Debug, PartialEq)]
    struct Kernels {
        name: &'static str,
        features: &'static [&'static str],
        argument: u8,
    }

    macro_rules! compile {
        ($name:literal [$($feature:tt)*] ($argument:literal)) => {
            pub(super) static TABLE: Kernels =
                Kernels { name: $name, features: &[$($feature),*], argument: $argument };
        };
    }

    mod last {
        use super::*;

        dispatch! {
            pub(super) Kernels, compile:
            portable(1), sse2(2), popcnt(3), ssse3(4), avx2int(5), avx2(6), avx512(7), avx512bw(8), avx512vnni(9),
            neon(10),
        }
    }

    mod chosen {
        use super::*;

        dispatch! {
            pub(super) Kernels, compile: portable(1), sse2(2), neon(3);
            fastest |all: Vec<&'static Kernels>| all.into_iter().find(|k| k.argument == 1)
        }
    }

    /// Every set that the CPU has and no other, in the order of the macro's arguments.
    #[test]
    fn as_the_cpu_says() {
        let names: Vec<_> = last::variants().iter().map(|k| k.name).collect();
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as there;
            let wide = there!("avx2") && there!("fma") && there!("f16c");
            let avx512 = wide && there!("avx512f");
            let all = [
                ("portable", true),
                ("sse2", true),
                ("popcnt", there!("popcnt")),
                ("ssse3", there!("ssse3")),
                ("avx2", there!("avx2") && there!("popcnt")),
                ("avx2", wide && there!("popcnt")),
                ("avx512", avx512),
                ("avx512", avx512 && there!("avx512bw") && there!("avx512vl")),
                ("avx512vnni", there!("avx512f") && there!("avx512vnni")),
            ];
            let there: Vec<_> = all.into_iter().filter(|set| set.1).map(|set| set.0).collect();
            assert_eq!(names, there);
        }
        #[cfg(target_arch = "aarch64")]
        assert_eq!(names, ["portable", "neon"]);
        assert_eq!(last::variants()[0], &Kernels { name: "portable", features: &[], argument: 1 });
    }

    #[test]
    fn the_fastest() {
        assert!(std::ptr::eq(last::kernels(), *last::variants().last().unwrap()));
        assert_eq!((chosen::kernels().argument, chosen::variants()[0].argument), (1, 1));
    }
}
