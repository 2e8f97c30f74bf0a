# Meltano, the tap and target-postgres, as a user without rights. Built from the root of the repository:
#   docker build --build-arg VERSION=0.1.0 -t tap-mailjet-sms .
#   docker run --rm --read-only --tmpfs /tmp --tmpfs /project/.meltano/run --tmpfs /project/.meltano/logs \
#     --stop-timeout 60 -e TAP_MAILJET_SMS_AUTH_TOKEN -e TARGET_POSTGRES_SQLALCHEMY_URL -e MELTANO_DATABASE_URI \
#     tap-mailjet-sms el --no-install --state-id=prod:tap-mailjet-sms-to-target-postgres tap-mailjet-sms target-postgres
# What is in it comes from requirements/, with hashes. The base moves with its own updates: pin it by its digest
# where images must be the same to the byte.
FROM python:3.13-slim-trixie AS build
ARG VERSION=0.1.0
ENV UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1 \
    UV_NO_CACHE=1 \
    SETUPTOOLS_SCM_PRETEND_VERSION_FOR_TAP_MAILJET_SMS=${VERSION} \
    PATH=/opt/meltano/bin:/opt/uv/bin:$PATH
WORKDIR /project
COPY requirements/uv.txt requirements/meltano.txt requirements/plugins.txt requirements/
RUN python -m pip install --no-cache-dir --no-deps --require-hashes --target /opt/uv -r requirements/uv.txt \
 && uv venv --python "$(command -v python3)" /opt/meltano \
 && uv pip sync --python /opt/meltano/bin/python --require-hashes requirements/meltano.txt
COPY pyproject.toml README.md LICENSE meltano.yml ./
COPY tap_mailjet_sms tap_mailjet_sms
RUN UV_CONSTRAINT=requirements/plugins.txt meltano install tap-mailjet-sms target-postgres \
 && ln -s /project/.meltano/extractors/tap-mailjet-sms/venv/bin/graceful-meltano /opt/meltano/bin/ \
 && rm -rf .meltano/run .meltano/logs .meltano/meltano.db \
 && mkdir -p .meltano/run .meltano/logs

FROM python:3.13-slim-trixie
RUN useradd --system --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin meltano
COPY --from=build /opt/meltano /opt/meltano
COPY --from=build /project /project
COPY --from=build --chown=10001 /project/.meltano/run /project/.meltano/run
COPY --from=build --chown=10001 /project/.meltano/logs /project/.meltano/logs
ENV HOME=/tmp \
    PATH=/opt/meltano/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MELTANO_ENVIRONMENT=prod \
    MELTANO_PROJECT_READONLY=true \
    MELTANO_CLI_LOG_FORMAT=json \
    MELTANO_CLI_DISABLE_VERSION_CHECK=true \
    MELTANO_SEND_ANONYMOUS_USAGE_STATS=false
WORKDIR /project
USER 10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["graceful-meltano"]
CMD ["run", "--no-install", "tap-mailjet-sms", "target-postgres"]
