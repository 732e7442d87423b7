// The two inputs of pay with points.

import { worth } from './words.js';

/** Slider and number are one value; the field may hold anything while it is being typed. */
export const choose = (input, isFinished, { hub, drafts }, words) => {
  const { id } = input.dataset;
  const reward = hub.rewards.find((one) => one.id === id);
  const group = input.closest('[data-pay]');
  const [field, slider] = ['number', 'range'].map((type) => group.querySelector(`input[type=${type}]`));
  const typed = Number(input.value);
  if (!Number.isFinite(typed) || input.value === '') {
    if (isFinished) field.value = slider.value;
    return;
  }
  slider.value = typed; // The slider rounds to its steps and keeps its bounds.
  const points = Number(slider.value);
  drafts.set(id, points);
  if (input === slider || isFinished) field.value = points;
  const value = words.money(worth(points, reward.cost_per), hub.program.currency);
  group.querySelector('.worth').textContent = value;
  slider.setAttribute('aria-valuetext', `${words.points(points)}, ${value}`);
};
