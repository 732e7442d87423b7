// English texts are their own keys; here are only those with plural forms.
export default {
  '{n} points': { one: '{n} point', other: '{n} points' },
};
