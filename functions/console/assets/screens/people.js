// How members are named, in words and in paths.

import { t } from '../words.js';

export const statusWords = () => ({ member: t('member'), visitor: t('visitor'), pending: t('pending'), excluded: t('excluded') });
export const nameOf = (member) => [member.first_name, member.last_name].filter(Boolean).join(' ') || member.email || member.phone || member.id;

/** How a member is named in a path, by what was typed. */
export const pathOf = (typed) => {
  const text = typed.trim();
  if (/^(m_|card:|email:|phone:)/.test(text)) return text;
  if (/^\S+@\S+$/.test(text)) return `email:${text}`;
  if (/^\+[\d\s().-]{6,}$/.test(text)) return `phone:${text.replace(/[^\d+]/g, '')}`;
  return text;
};
