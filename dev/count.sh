# Sourced by the scripts that run tests, after env.sh: runs them and counts what they ran.

# counted STAGE PARSER COMMAND…: runs COMMAND in sight, then lets PARSER read "passed failed skipped" off its output.
# The counts go to the file $COUNTS, if set, where dev/test collects them, and what the output says of the time that tests took
# to $TIMES. A run without any test has failed.
counted() {
  local stage=$1 parser=$2 out status=0 passed failed skipped
  out=$log/$(tr ' ' - <<<"$stage").log
  shift 2
  ("$@") 2>&1 </dev/null | tee "$out" || status=$?
  read -r passed failed skipped < <("$parser" <"$out")
  [ "$passed" -gt 0 ] && [ "$status" = 0 ] || [ "$failed" -gt 0 ] || failed=1 # a crash, or nothing ran
  [ -z "${COUNTS:-}" ] || echo "$stage:$passed:$failed:$skipped" >>"$COUNTS"
  [ -z "${TIMES:-}" ] || durations "$stage" <"$out" >>"$TIMES"
  [ "$failed" = 0 ] || die "$stage: $passed passed, $failed failed"
}

cargo_counts() { # test result: ok. 12 passed; 0 failed; 1 ignored; …
  awk '/^test result:/ { p += $4; f += $6; s += $8 } END { print p + 0, f + 0, s + 0 }'
}
regress_counts() { # test basic    ... ok   12 ms
  awk '/^test .* \.\.\. ok/ { p++ } /^test .* \.\.\. FAILED/ { f++ } END { print p + 0, f + 0, 0 }'
}
pytest_counts() { # 1 failed, 12 passed, 2 skipped in 3.21s; a line for each run
  awk '/^[0-9]+ (passed|failed|skipped|xfailed|errors?|deselected|warnings?).* in [0-9.]+s/ {
         n = split($0, w, /[ ,]+/)
         for (i = 2; i <= n; i++) {
           if (w[i] == "passed") p += w[i - 1]
           if (w[i] == "failed" || w[i] ~ /^errors?$/) f += w[i - 1]
           if (w[i] ~ /^(skipped|xfailed)$/) s += w[i - 1] } }
       END { print p + 0, f + 0, s + 0 }'
}

durations() { # of a stage: seconds and name of each test that its output says the time of
  awk -v stage="$1" '
    /^test .* \.\.\. (ok|FAILED) +[0-9]+ ms$/ { print $(NF - 1) / 1000, stage, $2 } # pg_regress
    /^[0-9.]+s (call|setup|teardown) / { print $1 + 0, stage, $3, $2 == "call" ? "" : "(" $2 ")" } # pytest'
}
