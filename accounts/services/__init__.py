"""The verbs of logins, workspaces, teams and keys."""

from __future__ import annotations

from accounts.services.keys import (
    create_api_key,
    find_api_key,
    revoke_api_key,
    rights_of_key,
    roll_api_key,
)
from accounts.services.sign_in import (
    forget_tokens,
    login_token,
    redeem_login_token,
    revoke_copied,
)
from accounts.services.team import (
    accept,
    accept_as_new,
    add_member,
    change_role,
    choose_mails,
    find_invitation,
    invitation_token,
    invite,
    invited_by_provider,
    remove_member,
    renew_invitation,
    withdraw_invitation,
)
from accounts.services.workspaces import create_workspace, update_workspace

__all__ = [
    "accept",
    "accept_as_new",
    "add_member",
    "change_role",
    "choose_mails",
    "create_api_key",
    "create_workspace",
    "find_api_key",
    "find_invitation",
    "forget_tokens",
    "invitation_token",
    "invite",
    "invited_by_provider",
    "login_token",
    "redeem_login_token",
    "remove_member",
    "renew_invitation",
    "revoke_api_key",
    "revoke_copied",
    "rights_of_key",
    "roll_api_key",
    "update_workspace",
    "withdraw_invitation",
]
