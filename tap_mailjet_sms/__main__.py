"""`python -m tap_mailjet_sms`."""

from tap_mailjet_sms.tap import TapMailjetSMS

TapMailjetSMS.cli()
