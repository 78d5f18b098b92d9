"""Views of /dashboard/admin/payouts."""
