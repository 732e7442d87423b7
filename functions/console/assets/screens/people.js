// How members are named, in words and in paths.

import { get } from '../core.js';
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

/** The member whom a typed id, e-mail, phone or card names, and the path by which they were found. */
export const whom = async (typed, signal) => {
  const look = async (path) => [await get(`/v1/members/${encodeURIComponent(path)}`, signal), path];
  const path = pathOf(typed);
  try {
    return await look(path);
  } catch (error) {
    // A card is a number, as an id may be.
    if (error.status !== 404 || !/^\d+$/.test(path)) throw error;
    return look(`card:${path}`);
  }
};
