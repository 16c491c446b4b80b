#!/usr/bin/env bash
# Starts a private Apache Kafka (jars from Maven), PostgreSQL and an OCI registry (Debian's packages)
# for the suites that run against the real ones, and stops what it started.
#
#   eval "$(bash .ci/services.sh start)"   # prints exports for what could be had
#   bash .ci/services.sh stop              # ends it, found by the exported DPONE_TEST_SERVICES
#
# They listen on free ports of 127.0.0.1 and keep their data in one new temporary folder. What cannot
# be had is named on stderr and its export is left out, so that its suites count as skipped.
# The jars (44 MB) are fetched once, into DPONE_KAFKA_JARS (default ~/.cache/dpone/kafka-VERSION).
set -uo pipefail

KAFKA_VERSION=4.3.1
SCALA_VERSION=2.13
LOG4J_VERSION=2.25.3
START_SECONDS=60

say() { printf 'services: %s\n' "$*" >&2; }

# A port that nothing listens on. Another program may take it before it is used; a second start helps.
free_port() {
  perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => 0)->sockport'
}

# Waits until something listens on port $1 or process $2 has ended.
wait_for_port() {
  local deadline=$((SECONDS + START_SECONDS))
  while [ $SECONDS -lt $deadline ]; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
    kill -0 "$2" 2>/dev/null || return 1
    sleep 0.2
  done
  return 1
}

# Installs Debian packages where that is possible.
install_packages() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  say "installing $*"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2 </dev/null ||
    { apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2 </dev/null; }
}

# The folder of Kafka's jars, fetched if need be.
kafka_jars() {
  local jars=${DPONE_KAFKA_JARS:-$HOME/.cache/dpone/kafka-$KAFKA_VERSION}
  if [ ! -e "$jars/complete" ]; then
    command -v mvn >/dev/null || install_packages maven || { say "Maven cannot be had"; return 1; }
    say "fetching Apache Kafka $KAFKA_VERSION into $jars"
    mkdir -p "$jars" || return 1
    cat >"$jars/pom.xml" <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>dpone</groupId><artifactId>test-kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_$SCALA_VERSION</artifactId><version>$KAFKA_VERSION</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>$LOG4J_VERSION</version></dependency>
  </dependencies>
</project>
POM
    (cd "$jars" && mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib -DincludeScope=runtime >&2 </dev/null) ||
      { say "Maven cannot fetch the jars"; return 1; }
    touch "$jars/complete"
  fi
  printf '%s' "$jars/lib"
}

# A key store for the broker under $1, signed by an authority whose certificate is $1/ca.pem.
kafka_certificates() {
  local store=(-storepass storepass -keypass storepass -storetype PKCS12) dir=$1
  keytool -genkeypair -alias ca -keyalg RSA -keysize 2048 -dname CN=dpone-test-ca -ext bc:c -validity 30 \
    -keystore "$dir/ca.p12" "${store[@]}" &&
    keytool -exportcert -rfc -alias ca -keystore "$dir/ca.p12" -storepass storepass -file "$dir/ca.pem" &&
    keytool -genkeypair -alias broker -keyalg RSA -keysize 2048 -dname CN=localhost -validity 30 \
      -keystore "$dir/broker.p12" "${store[@]}" &&
    keytool -certreq -alias broker -keystore "$dir/broker.p12" -storepass storepass -file "$dir/broker.csr" &&
    keytool -gencert -alias ca -keystore "$dir/ca.p12" -storepass storepass -rfc -validity 30 \
      -ext san=ip:127.0.0.1,dns:localhost -infile "$dir/broker.csr" -outfile "$dir/broker.pem" &&
    keytool -importcert -noprompt -alias ca -keystore "$dir/broker.p12" -storepass storepass -file "$dir/ca.pem" &&
    keytool -importcert -noprompt -alias broker -keystore "$dir/broker.p12" -storepass storepass -file "$dir/broker.pem"
}

start_kafka() {
  local dir=$1/kafka jars port controller secured id
  command -v java >/dev/null || install_packages default-jre-headless || { say "Java cannot be had"; return 1; }
  jars=$(kafka_jars) || return 1
  mkdir -p "$dir/data"
  port=$(free_port) && controller=$(free_port) && secured=$(free_port) || return 1
  kafka_certificates "$dir" >"$dir/keytool.log" 2>&1 || { say "no certificates for Kafka, see $dir/keytool.log"; return 1; }
  cat >"$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,SECURED://127.0.0.1:$secured,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port,SECURED://127.0.0.1:$secured
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURED:SASL_SSL
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.secured.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_loader="hush";
listener.name.secured.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secured.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PKCS12
ssl.keystore.location=$dir/broker.p12
ssl.keystore.password=storepass
log.dirs=$dir/data
num.partitions=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
PROPERTIES
  cat >"$dir/log4j2.properties" <<LOG
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c %m%n
LOG
  id=$(java -cp "$jars/*" kafka.tools.StorageTool random-uuid 2>/dev/null) || return 1
  java "-Dlog4j2.configurationFile=$dir/log4j2.properties" -cp "$jars/*" kafka.tools.StorageTool \
    format -t "$id" -c "$dir/server.properties" --add-scram 'SCRAM-SHA-256=[name=loader,password=hush]' \
    --add-scram 'SCRAM-SHA-512=[name=loader,password=hush]' >"$dir/format.log" 2>&1 ||
    { say "Kafka's storage cannot be formatted, see $dir/format.log"; return 1; }
  setsid java -Xmx512m "-Dlog4j2.configurationFile=$dir/log4j2.properties" -cp "$jars/*" \
    kafka.Kafka "$dir/server.properties" >"$dir/server.log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  wait_for_port "$port" "$(cat "$dir/pid")" || { say "Kafka does not start, see $dir/server.log"; return 1; }
  printf 'export DPONE_TEST_KAFKA=127.0.0.1:%s\n' "$port"
  printf 'export DPONE_TEST_KAFKA_SASL=127.0.0.1:%s DPONE_TEST_KAFKA_CA=%s\n' "$secured" "$dir/ca.pem"
}

# PostgreSQL refuses to run as root.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
  else
    "$@"
  fi
}

postgres_bin() {
  local bin
  for bin in /usr/lib/postgresql/*/bin "$(dirname "$(command -v pg_ctl || echo /nonexistent/pg_ctl)")"; do
    if [ -x "$bin/initdb" ] && [ -x "$bin/pg_ctl" ]; then printf '%s' "$bin"; return 0; fi
  done
  return 1
}

start_postgres() {
  local dir=$1/postgres bin port
  bin=$(postgres_bin) || { install_packages postgresql >&2 && bin=$(postgres_bin); } || { say "PostgreSQL cannot be had"; return 1; }
  mkdir -p "$dir"
  # The folder above is closed to others, so that the data is reachable by its owner alone.
  if [ "$(id -u)" = 0 ]; then chmod 711 "$1" && chown postgres:postgres "$dir" || return 1; fi
  port=$(free_port) || return 1
  (cd "$dir" && as_postgres "$bin/initdb" -D "$dir/data" -U postgres -A trust --no-sync -E UTF8 --locale=C) >"$1/initdb.log" 2>&1 ||
    { say "PostgreSQL's folder cannot be made, see $1/initdb.log"; return 1; }
  (cd "$dir" && as_postgres "$bin/pg_ctl" -D "$dir/data" -w -t "$START_SECONDS" -l "$dir/server.log" \
    -o "-h 127.0.0.1 -p $port -k $dir -c fsync=off" start) >"$1/pg_ctl.log" 2>&1 </dev/null ||
    { say "PostgreSQL does not start, see $dir/server.log"; return 1; }
  printf 'export DPONE_TEST_POSTGRES=postgres://postgres@127.0.0.1:%s/postgres\n' "$port"
}

start_registry() {
  local dir=$1/registry port
  command -v docker-registry >/dev/null || install_packages docker-registry >&2 || { say "an OCI registry cannot be had"; return 1; }
  mkdir -p "$dir" && port=$(free_port) || return 1
  cat >"$dir/config.yml" <<REGISTRY
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: $dir/data}}
http: {addr: "127.0.0.1:$port"}
REGISTRY
  docker-registry serve "$dir/config.yml" >"$dir/server.log" 2>&1 </dev/null &
  printf '%s' "$!" >"$dir/pid"
  wait_for_port "$port" "$!" || { say "the OCI registry does not start, see $dir/server.log"; return 1; }
  printf 'export DPONE_TEST_OCI=127.0.0.1:%s\n' "$port"
}

# Ends the process of a pid file, if it is still the one that was started from this folder.
stop_by_pid() {
  local pid
  [ -e "$1/pid" ] && pid=$(cat "$1/pid") || return 0
  if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$1/"; then
    kill "$pid"
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.1; done
    kill -KILL "$pid"
  fi
}

start() {
  local dir
  dir=$(mktemp -d "${TMPDIR:-/tmp}/dpone-services.XXXXXX") || { say "no temporary folder"; exit 0; }
  printf 'export DPONE_TEST_SERVICES=%s\n' "$dir"
  start_kafka "$dir" || { say "NOT AVAILABLE: Apache Kafka"; stop_by_pid "$dir/kafka"; }
  start_postgres "$dir" || say "NOT AVAILABLE: PostgreSQL"
  start_registry "$dir" || { say "NOT AVAILABLE: an OCI registry"; stop_by_pid "$dir/registry"; }
}

stop() {
  local dir=${DPONE_TEST_SERVICES:-} bin
  [ -n "$dir" ] && [ -d "$dir" ] || { say "nothing to stop (DPONE_TEST_SERVICES is not set)"; return 0; }
  stop_by_pid "$dir/kafka"
  stop_by_pid "$dir/registry"
  if [ -e "$dir/postgres/data/postmaster.pid" ] && bin=$(postgres_bin); then
    (cd "$dir/postgres" && as_postgres "$bin/pg_ctl" -D "$dir/postgres/data" -w -m immediate stop) >&2
  fi
  case $dir in
    */dpone-services.??????) rm -rf "$dir" ;;
  esac
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  *) say "usage: services.sh start|stop"; exit 2 ;;
esac
