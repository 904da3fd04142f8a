# Sourced by the scripts that build with AddressSanitizer, after env.sh.

triple=$(rustc -vV | sed -n 's/^host: //p')
# A refused allocation is an error that is looked for, not the program's end.
export ASAN_OPTIONS=allocator_may_return_null=1

# sanitized DIRECTORY FLAGS cargo COMMAND…: runs cargo so that it builds with AddressSanitizer and more flags of rustc in a directory of
# target/. The sanitizer's flag is the nightly's, though its runtime comes with every toolchain. With --target, build scripts and
# macros are built without.
sanitized() {
  local directory=$1 flags=$2
  shift 2
  env CARGO_TARGET_DIR="$target/$directory" CXX=clang++ RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address $flags" \
    "${@:1:2}" --profile checked --target "$triple" "${@:3}"
}
