"""Views of /dashboard/creator."""
